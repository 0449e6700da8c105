// Command gophercloud uses Octavia's API as Terraform's provider and Kubernetes' cloud provider do: by the library that
// both are made with, in their order of requests, and with their ideas of what has to come back.
//
// Its argument is the scenario; what does not hold ends it with a message. OS_… variables say who logs in, and
// SUBNET_ID where load balancers are.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
)

// body is what is sent for an object, without its outermost name.
type body map[string]interface{}

var (
	client    *gophercloud.ServiceClient
	scenarios = map[string]func(subnet string){
		"terraform":      terraform,
		"cloud-provider": cloudProvider,
	}
)

func main() {
	options := gophercloud.AuthOptions{
		IdentityEndpoint: os.Getenv("OS_AUTH_URL"),
		Username:         os.Getenv("OS_USERNAME"),
		Password:         os.Getenv("OS_PASSWORD"),
		DomainID:         os.Getenv("OS_USER_DOMAIN_ID"),
		TenantName:       os.Getenv("OS_PROJECT_NAME"),
	}
	provider, err := openstack.AuthenticatedClient(options)
	must(err)
	client, err = openstack.NewLoadBalancerV2(provider, gophercloud.EndpointOpts{Region: os.Getenv("OS_REGION_NAME")})
	must(err)
	scenarios[os.Args[1]](os.Getenv("SUBNET_ID"))
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, values ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

// expect ends the program where something is not as it should be.
func expect(holds bool, format string, values ...interface{}) {
	if !holds {
		fail(format, values...)
	}
}

// plain returns a value as JSON knows it, so that those sent and those shown are compared as such.
func plain(value interface{}) interface{} {
	text, err := json.Marshal(value)
	must(err)
	var found interface{}
	must(json.Unmarshal(text, &found))
	return found
}

// same expects that an object shows what was sent for it, each attribute exactly; those in `but` are never shown.
func same(kind string, shown, sent body, but ...string) {
next:
	for name, value := range sent {
		for _, each := range but {
			if name == each {
				continue next
			}
		}
		expect(reflect.DeepEqual(plain(shown[name]), plain(value)), "%s %s: sent %v, shown %v", kind, name, value, shown[name])
	}
}

// found says whether an object is there; what is not is 404, and nothing else.
func found(err error) bool {
	if err == nil {
		return true
	}
	_, missing := err.(gophercloud.ErrDefault404)
	expect(missing, "expected 404: %v", err)
	return false
}

// poll asks until what is asked is true.
func poll(what string, done func() bool) {
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		expect(time.Now().Before(end), "%s: waited in vain", what)
	}
}

func contains(all []string, one string) bool {
	for _, each := range all {
		if each == one {
			return true
		}
	}
	return false
}
