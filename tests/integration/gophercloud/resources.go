package main

import (
	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/l7policies"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
)

// What the library's builders of bodies are for: programs say what they send, also what a release does not know yet.
func (b body) ToLoadBalancerCreateMap() (map[string]interface{}, error) {
	return b.in("loadbalancer"), nil
}
func (b body) ToListenerCreateMap() (map[string]interface{}, error) { return b.in("listener"), nil }
func (b body) ToPoolCreateMap() (map[string]interface{}, error)     { return b.in("pool"), nil }
func (b body) ToPoolUpdateMap() (map[string]interface{}, error)     { return b.in("pool"), nil }
func (b body) ToMemberCreateMap() (map[string]interface{}, error)   { return b.in("member"), nil }
func (b body) ToMemberUpdateMap() (map[string]interface{}, error)   { return b.in("member"), nil }
func (b body) ToMonitorCreateMap() (map[string]interface{}, error)  { return b.in("healthmonitor"), nil }
func (b body) ToMonitorUpdateMap() (map[string]interface{}, error)  { return b.in("healthmonitor"), nil }
func (b body) ToL7PolicyCreateMap() (map[string]interface{}, error) { return b.in("l7policy"), nil }
func (b body) ToL7PolicyUpdateMap() (map[string]interface{}, error) { return b.in("l7policy"), nil }
func (b body) ToRuleUpdateMap() (map[string]interface{}, error)     { return b.in("rule"), nil }
func (b body) in(kind string) map[string]interface{}                { return map[string]interface{}{kind: b} }

// resource is how one kind is created, read, changed and deleted. `typed` decodes an answer as strictly as the library
// does; `notShown` names what is sent and never comes back.
type resource struct {
	kind     string
	create   func(body) gophercloud.Result
	get      func(id string) gophercloud.Result
	update   func(id string, b body) gophercloud.Result
	remove   func(id string) error
	typed    func() interface{}
	notShown []string
}

// changed changes an object where the library's function takes its own options only.
func changed(url, kind string, b body) (r gophercloud.Result) {
	_, r.Err = client.Put(url, b.in(kind), &r.Body, &gophercloud.RequestOpts{OkCodes: []int{200, 202}})
	return
}

var loadBalancer = resource{
	kind:   "loadbalancer",
	create: func(b body) gophercloud.Result { return loadbalancers.Create(client, b).Result },
	get:    func(id string) gophercloud.Result { return loadbalancers.Get(client, id).Result },
	update: func(id string, b body) gophercloud.Result {
		return changed(client.ServiceURL("lbaas", "loadbalancers", id), "loadbalancer", b)
	},
	remove: func(id string) error {
		return loadbalancers.Delete(client, id, loadbalancers.DeleteOpts{Cascade: false}).ExtractErr()
	},
	typed: func() interface{} { return &loadbalancers.LoadBalancer{} },
}

var listener = resource{
	kind:   "listener",
	create: func(b body) gophercloud.Result { return listeners.Create(client, b).Result },
	get:    func(id string) gophercloud.Result { return listeners.Get(client, id).Result },
	update: func(id string, b body) gophercloud.Result {
		return changed(client.ServiceURL("lbaas", "listeners", id), "listener", b)
	},
	remove:   func(id string) error { return listeners.Delete(client, id).ExtractErr() },
	typed:    func() interface{} { return &listeners.Listener{} },
	notShown: []string{"loadbalancer_id"},
}

var pool = resource{
	kind:     "pool",
	create:   func(b body) gophercloud.Result { return pools.Create(client, b).Result },
	get:      func(id string) gophercloud.Result { return pools.Get(client, id).Result },
	update:   func(id string, b body) gophercloud.Result { return pools.Update(client, id, b).Result },
	remove:   func(id string) error { return pools.Delete(client, id).ExtractErr() },
	typed:    func() interface{} { return &pools.Pool{} },
	notShown: []string{"loadbalancer_id", "listener_id"},
}

func member(poolID string) resource {
	return resource{
		kind:   "member",
		create: func(b body) gophercloud.Result { return pools.CreateMember(client, poolID, b).Result },
		get:    func(id string) gophercloud.Result { return pools.GetMember(client, poolID, id).Result },
		update: func(id string, b body) gophercloud.Result {
			return pools.UpdateMember(client, poolID, id, b).Result
		},
		remove: func(id string) error { return pools.DeleteMember(client, poolID, id).ExtractErr() },
		typed:  func() interface{} { return &pools.Member{} },
	}
}

var monitor = resource{
	kind:     "healthmonitor",
	create:   func(b body) gophercloud.Result { return monitors.Create(client, b).Result },
	get:      func(id string) gophercloud.Result { return monitors.Get(client, id).Result },
	update:   func(id string, b body) gophercloud.Result { return monitors.Update(client, id, b).Result },
	remove:   func(id string) error { return monitors.Delete(client, id).ExtractErr() },
	typed:    func() interface{} { return &monitors.Monitor{} },
	notShown: []string{"pool_id"},
}

var policy = resource{
	kind:   "l7policy",
	create: func(b body) gophercloud.Result { return l7policies.Create(client, b).Result },
	get:    func(id string) gophercloud.Result { return l7policies.Get(client, id).Result },
	update: func(id string, b body) gophercloud.Result { return l7policies.Update(client, id, b).Result },
	remove: func(id string) error { return l7policies.Delete(client, id).ExtractErr() },
	typed:  func() interface{} { return &l7policies.L7Policy{} },
}

func rule(policyID string) resource {
	return resource{
		kind: "rule",
		create: func(b body) (r gophercloud.Result) {
			url := client.ServiceURL("lbaas", "l7policies", policyID, "rules")
			_, r.Err = client.Post(url, b.in("rule"), &r.Body, nil)
			return
		},
		get: func(id string) gophercloud.Result { return l7policies.GetRule(client, policyID, id).Result },
		update: func(id string, b body) gophercloud.Result {
			return l7policies.UpdateRule(client, policyID, id, b).Result
		},
		remove: func(id string) error { return l7policies.DeleteRule(client, policyID, id).ExtractErr() },
		typed:  func() interface{} { return &l7policies.Rule{} },
	}
}

// shown returns an object as JSON, once it has been decoded as the library does.
func (r resource) shown(result gophercloud.Result) body {
	must(result.Err)
	must(result.ExtractIntoStructPtr(r.typed(), r.kind))
	answer := map[string]body{}
	must(result.ExtractInto(&answer))
	return answer[r.kind]
}

// active waits until an object is ACTIVE, and returns it. Terraform ends at any status but those that lead there.
func (r resource) active(id string) (object body) {
	poll(r.kind+" ACTIVE", func() bool {
		object = r.shown(r.get(id))
		status := object["provisioning_status"].(string)
		expect(contains([]string{"PENDING_CREATE", "PENDING_UPDATE", "ACTIVE"}, status), "%s is %s", r.kind, status)
		return status == "ACTIVE"
	})
	return
}

// gone deletes an object and waits until it is 404. Terraform ends at any other status meanwhile.
func (r resource) gone(id string) {
	must(r.remove(id))
	poll(r.kind+" gone", func() bool {
		result := r.get(id)
		if !found(result.Err) {
			return true
		}
		status := r.shown(result)["provisioning_status"].(string)
		expect(contains([]string{"ERROR", "PENDING_UPDATE", "PENDING_DELETE", "ACTIVE", "DELETED"}, status),
			"%s is %s while it goes", r.kind, status)
		return status == "DELETED"
	})
}
