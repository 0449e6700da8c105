package main

import (
	"fmt"

	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
)

// terraform does for each resource what `terraform apply`, another with changes, a refresh and `destroy` do.
func terraform(subnet string) {
	lb := made(loadBalancer, body{
		"name": "tf", "description": "d", "vip_subnet_id": subnet, "vip_address": "10.7.0.200", "admin_state_up": true,
		"provider": "octavia", "tags": []string{"a", "b"},
	}, body{"name": "tf2", "description": "", "admin_state_up": true, "tags": []string{"c"}})
	web := made(pool, body{
		"loadbalancer_id": lb, "name": "web", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "admin_state_up": true,
	}, body{"name": "web2", "description": "e", "lb_algorithm": "SOURCE_IP", "admin_state_up": false})
	loadBalancer.active(lb)
	// What the provider sets by a change of its own, as null takes it away.
	cookie := body{"type": "APP_COOKIE", "cookie_name": "JSESSION"}
	kept := pool.shown(pool.update(web, body{"session_persistence": cookie}))["session_persistence"].(map[string]interface{})
	expect(kept["type"] == "APP_COOKIE" && kept["cookie_name"] == "JSESSION", "persistence is %v", kept)
	pool.shown(pool.update(web, body{"session_persistence": nil, "admin_state_up": true}))
	front := made(listener, body{
		"loadbalancer_id": lb, "name": "http", "description": "d", "protocol": "HTTP", "protocol_port": 8080,
		"default_pool_id": web, "connection_limit": 2000, "admin_state_up": true, "timeout_client_data": 50001,
		"timeout_member_connect": 5001, "timeout_member_data": 50002, "timeout_tcp_inspect": 3,
		"insert_headers": body{"X-Forwarded-For": "true"}, "allowed_cidrs": []string{"10.0.0.0/8", "192.168.0.0/16"},
		"tags": []string{"x"},
	}, body{
		"name": "http2", "description": "", "connection_limit": -1, "timeout_client_data": 50000,
		"timeout_member_connect": 5000, "timeout_member_data": 50000, "timeout_tcp_inspect": 0,
		"insert_headers": body{"X-Forwarded-Port": "true"}, "allowed_cidrs": []string{"10.0.0.0/8"}, "tags": []string{},
	})
	served := made(member(web), body{
		"name": "m", "address": "10.7.0.21", "protocol_port": 80, "subnet_id": subnet, "weight": 5, "backup": true,
		"monitor_address": "10.7.0.22", "monitor_port": 8080, "admin_state_up": true, "tags": []string{"m"},
	}, body{"name": "m2", "weight": 0, "backup": false, "monitor_address": nil, "monitor_port": nil, "admin_state_up": false})
	watch := made(monitor, body{
		"pool_id": web, "name": "h", "type": "HTTP", "delay": 20, "timeout": 10, "max_retries": 5, "max_retries_down": 4,
		"url_path": "/health", "http_method": "GET", "expected_codes": "200,202", "http_version": 1.1,
		"domain_name": "www.example.com", "admin_state_up": true,
	}, body{
		"name": "h2", "delay": 5, "timeout": 9, "max_retries": 3, "max_retries_down": 3, "url_path": "/",
		"http_method": "HEAD", "expected_codes": "200-204", "http_version": 1.1, "domain_name": "b.example.com",
	})
	redirect := made(policy, body{
		"listener_id": front, "name": "p", "description": "d", "action": "REDIRECT_TO_POOL", "redirect_pool_id": web,
		"position": 1, "admin_state_up": true,
	}, body{"name": "p2", "action": "REDIRECT_TO_URL", "redirect_url": "http://www.example.com/", "redirect_http_code": 301})
	prefix := made(policy, body{
		"listener_id": front, "action": "REDIRECT_PREFIX", "redirect_prefix": "https://www.example.com", "position": 2,
	}, body{"action": "REJECT", "position": 1})
	matched := made(rule(redirect), body{
		"type": "HEADER", "compare_type": "EQUAL_TO", "key": "X-A", "value": "b", "invert": true, "admin_state_up": true,
	}, body{"type": "PATH", "compare_type": "STARTS_WITH", "value": "/api", "invert": false})
	manyMembers(lb, web, subnet)
	for _, each := range []struct {
		resource
		id string
	}{
		{rule(redirect), matched}, {policy, prefix}, {policy, redirect}, {monitor, watch}, {member(web), served},
		{listener, front}, {pool, web}, {loadBalancer, lb},
	} {
		if each.kind == "member" {
			continue // replaced by those that manyMembers made
		}
		each.gone(each.id)
	}
}

// made creates an object, changes it, and reads it back each time until nothing moves; it returns its id.
func made(r resource, created, changes body) string {
	id := r.shown(r.create(created))["id"].(string)
	same(r.kind, r.active(id), created, r.notShown...)
	same(r.kind, r.shown(r.update(id, changes)), changes)
	now := r.active(id)
	same(r.kind, now, changes)
	for name := range changes {
		delete(created, name)
	}
	if r.kind == "l7policy" { // what it redirects to follows from the action
		delete(created, "redirect_pool_id")
		delete(created, "redirect_prefix")
	}
	if changes["type"] == "PATH" {
		delete(created, "key")
	}
	same(r.kind, now, created, r.notShown...)
	for _, name := range []string{"created_at", "updated_at"} {
		expect(len(fmt.Sprint(now[name])) == len("2026-11-26T04:42:28"), "%s: %s is %v", r.kind, name, now[name])
	}
	again := r.active(id)
	delete(now, "operating_status")
	same(r.kind, again, now)
	return id
}

// manyMembers is the provider's openstack_lb_members_v2: all members of a pool at once.
func manyMembers(balancerID, poolID, subnet string) {
	name, weight, up := "n", 3, true
	wanted := []pools.BatchUpdateMemberOpts{
		{Address: "10.7.0.31", ProtocolPort: 80, Name: &name, Weight: &weight, SubnetID: &subnet, AdminStateUp: &up},
		{Address: "10.7.0.32", ProtocolPort: 80, Name: &name, SubnetID: &subnet},
	}
	must(pools.BatchUpdateMembers(client, poolID, wanted).ExtractErr())
	loadBalancer.active(balancerID)
	there := membersOf(poolID)
	expect(len(there) == 2, "members are %v", there)
	expect(there["10.7.0.31"].Weight == 3 && there["10.7.0.32"].Weight == 1, "weights are %v", there)
	must(pools.BatchUpdateMembers(client, poolID, wanted[:1]).ExtractErr())
	loadBalancer.active(balancerID)
	left := membersOf(poolID)
	expect(len(left) == 1 && left["10.7.0.31"].ID == there["10.7.0.31"].ID, "members are %v", left)
	must(pools.BatchUpdateMembers(client, poolID, []pools.BatchUpdateMemberOpts{}).ExtractErr())
	poll("no members", func() bool { return len(membersOf(poolID)) == 0 })
}

func membersOf(poolID string) map[string]pools.Member {
	pages, err := pools.ListMembers(client, poolID, pools.ListMembersOpts{}).AllPages()
	must(err)
	all, err := pools.ExtractMembers(pages)
	must(err)
	byAddress := map[string]pools.Member{}
	for _, each := range all {
		byAddress[each.Address] = each
	}
	return byAddress
}
