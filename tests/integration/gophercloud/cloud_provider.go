package main

import (
	"fmt"
	"reflect"

	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/apiversions"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/providers"
)

const owner = "kube_service_cluster_default_web"

// cloudProvider does what Kubernetes' cloud provider does for a service of type LoadBalancer.
func cloudProvider(subnet string) {
	expect(version() >= 30, "version 2.%d", version())
	expect(contains(providerNames(), "amphora"), "providers are %v", providerNames())
	made := loadBalancer.shown(loadbalancers.Create(client, service(subnet)).Result)
	id := made["id"].(string)
	now := loadBalancer.active(id)
	same("loadbalancer", now, body{"tags": []string{owner}, "provider": "amphora", "vip_subnet_id": subnet})
	ownedBy(owner, id)

	front := onlyListener(id)
	expect(!differs(front), "differs at once: %v", front)
	shown := listener.active(front.ID)
	same("listener", shown, wanted())
	behind := onlyPool(id, front.ID)
	expect(behind.Protocol == "HTTP" && behind.LBMethod == "ROUND_ROBIN", "pool is %v", behind)
	watched := monitor.active(behind.MonitorID)
	same("healthmonitor", watched, body{"type": "HTTP", "delay": 10, "timeout": 5, "max_retries": 1, "max_retries_down": 3})

	nodesChange(id, behind.ID, subnet)
	annotationsChange(front.ID)
	// Another service shares the load balancer: it says so in tags, and asks for a listener of its own.
	shared := body{"tags": []string{owner, "kube_service_cluster_default_api"}}
	loadBalancer.shown(loadBalancer.update(id, shared))
	same("loadbalancer", loadBalancer.active(id), shared)

	must(loadbalancers.Delete(client, id, loadbalancers.DeleteOpts{Cascade: true}).ExtractErr())
	poll("load balancer gone", func() bool { return !found(loadbalancers.Get(client, id).Err) })
	for _, result := range []error{listeners.Get(client, front.ID).Err, pools.Get(client, behind.ID).Err} {
		expect(!found(result), "something is left")
	}
}

// version returns the minor version that is listed last, which the cloud provider takes for the server's.
func version() (minor int) {
	pages, err := apiversions.List(client).AllPages()
	must(err)
	all, err := apiversions.ExtractAPIVersions(pages)
	must(err)
	_, err = fmt.Sscanf(all[len(all)-1].ID, "v2.%d", &minor)
	must(err)
	return
}

func providerNames() (names []string) {
	pages, err := providers.List(client, providers.ListOpts{}).AllPages()
	must(err)
	all, err := providers.ExtractProviders(pages)
	must(err)
	for _, each := range all {
		names = append(names, each.Name)
	}
	return
}

// service is the whole load balancer of a service with one port, as the cloud provider asks for it in one request.
func service(subnet string) body {
	members := []body{
		{"name": "node-1", "address": "10.7.0.41", "protocol_port": 30080, "subnet_id": subnet, "monitor_port": 30081},
		{"name": "node-2", "address": "10.7.0.42", "protocol_port": 30080, "subnet_id": subnet, "monitor_port": 30081},
	}
	front := wanted()
	front["default_pool"] = body{
		"name": "pool_0_kube_service", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members,
		"healthmonitor": body{
			"name": "monitor_0_kube_service", "type": "HTTP", "url_path": "/healthz", "http_method": "GET",
			"expected_codes": "200", "delay": 10, "timeout": 5, "max_retries": 1, "max_retries_down": 3,
		},
	}
	return body{
		"name": owner, "description": "Kubernetes external service default/web from cluster cluster",
		"vip_subnet_id": subnet, "provider": "amphora", "tags": []string{owner}, "listeners": []body{front},
	}
}

// wanted is the listener that annotations of the service ask for.
func wanted() body {
	return body{
		"name": "listener_0_kube_service", "protocol": "HTTP", "protocol_port": 80, "connection_limit": -1,
		"timeout_client_data": 60000, "timeout_member_connect": 6000, "timeout_member_data": 60000,
		"timeout_tcp_inspect": 0, "insert_headers": body{"X-Forwarded-For": "true"},
		"allowed_cidrs": []string{"10.0.0.0/8", "192.168.7.7/32"}, "tags": []string{owner},
	}
}

// differs says whether the cloud provider would update a listener, as it then would for ever.
func differs(found listeners.Listener) bool {
	return found.InsertHeaders["X-Forwarded-For"] != "true" || found.ConnLimit != -1 ||
		found.TimeoutClientData != 60000 || found.TimeoutMemberConnect != 6000 || found.TimeoutMemberData != 60000 ||
		found.TimeoutTCPInspect != 0 ||
		!reflect.DeepEqual(found.AllowedCIDRs, []string{"10.0.0.0/8", "192.168.7.7/32"})
}

// ownedBy expects that the tag finds that load balancer, and no other tag does.
func ownedBy(tag, id string) {
	for wanted, count := range map[string]int{tag: 1, tag + "_other": 0} {
		pages, err := loadbalancers.List(client, loadbalancers.ListOpts{Tags: []string{wanted}}).AllPages()
		must(err)
		all, err := loadbalancers.ExtractLoadBalancers(pages)
		must(err)
		expect(len(all) == count, "%d load balancers with %s", len(all), wanted)
		expect(count == 0 || all[0].ID == id, "another load balancer has %s", wanted)
	}
}

func onlyListener(balancerID string) listeners.Listener {
	pages, err := listeners.List(client, listeners.ListOpts{LoadbalancerID: balancerID}).AllPages()
	must(err)
	all, err := listeners.ExtractListeners(pages)
	must(err)
	expect(len(all) == 1 && all[0].Loadbalancers[0].ID == balancerID, "listeners are %v", all)
	return all[0]
}

// onlyPool finds a listener's pool as the cloud provider does: among those of the load balancer, by their listeners.
func onlyPool(balancerID, listenerID string) (one pools.Pool) {
	pages, err := pools.List(client, pools.ListOpts{LoadbalancerID: balancerID}).AllPages()
	must(err)
	all, err := pools.ExtractPools(pages)
	must(err)
	for _, each := range all {
		for _, user := range each.Listeners {
			if user.ID == listenerID {
				one = each
			}
		}
	}
	expect(one.ID != "", "no pool of the listener among %v", all)
	return
}

// nodesChange replaces a node; what stays keeps its id, its name and where it is monitored.
func nodesChange(balancerID, poolID, subnet string) {
	before := membersOf(poolID)
	names := []string{"node-1", "node-3"}
	all := []pools.BatchUpdateMemberOpts{
		{Address: "10.7.0.41", ProtocolPort: 30080, Name: &names[0], SubnetID: &subnet},
		{Address: "10.7.0.43", ProtocolPort: 30080, Name: &names[1], SubnetID: &subnet},
	}
	must(pools.BatchUpdateMembers(client, poolID, all).ExtractErr())
	loadBalancer.active(balancerID)
	after := membersOf(poolID)
	kept := after["10.7.0.41"]
	expect(len(after) == 2, "members are %v", after)
	expect(kept.ID == before["10.7.0.41"].ID && kept.MonitorPort == 30081, "was %v, is %v", before["10.7.0.41"], kept)
	expect(after["10.7.0.43"].Name == "node-3" && after["10.7.0.43"].MonitorPort == 0, "new is %v", after["10.7.0.43"])
}

// annotationsChange updates a listener with the library's own options.
func annotationsChange(id string) {
	limit, times, headers, cidrs := 100, 1000, map[string]string{}, []string{"10.0.0.0/8"}
	options := listeners.UpdateOpts{
		ConnLimit: &limit, TimeoutClientData: &times, InsertHeaders: &headers, AllowedCIDRs: &cidrs,
	}
	_, err := listeners.Update(client, id, options).Extract()
	must(err)
	same("listener", listener.active(id), body{
		"connection_limit": 100, "timeout_client_data": 1000, "insert_headers": headers, "allowed_cidrs": cidrs,
	})
}
