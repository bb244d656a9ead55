package cluster

import (
	"fmt"
	"testing"
	"time"

	"graylane.test/cluster/process"
)

func TestEachFlavourKeepsTheContractInARealClusterAndLosesNoRequest(t *testing.T) {
	m := openMesh(t)
	for _, f := range flavours {
		t.Run(f.name, func(t *testing.T) {
			began := time.Now()
			s := m.start(t, f)
			s.awaitPolicy(asWritten.version)
			s.keepsTheContract()
			s.isEditedWhileTrafficFlows()
			s.getsOtherPodsWhileTrafficFlows()
			s.losesTheModuleWhileTrafficFlows()
			for name, proxy := range s.proxies() {
				if refused := proxy.Rejected(); refused > 0 {
					t.Errorf("the %s refused %d updates", name, refused)
				}
			}
			t.Logf("%s: %.1f s in all", f.name, time.Since(began).Seconds())
		})
	}
}

const clusterOfV2 = "outbound|8080|v2|user-svc.shop.svc.cluster.local"

// keepsTheContract holds the flavour to what all of them keep, from outside and inside the mesh.
func (s *stage) keepsTheContract() {
	s.Helper()
	for _, c := range []struct {
		sent            headers
		outside, inside string
	}{
		{headers{"x-gray-id": "user-1"}, "stable", "stable"},
		{headers{"x-tester": "yes"}, "v2", "v2"},
		{headers{"x-app-version": "3.4.1"}, "v2", "v2"},
		{headers{"x-gray-id": "user-1", "x-gray-lane": "v2"}, "stable", "stable"},
		{headers{"x-gray-id": "user-1", "x-gray-cluster": clusterOfV2}, "stable", "stable"},
		{headers{"x-gray-id": "user-1", "x-canary": "v2"}, "stable", "v2"},
		{headers{"x-gray-id": "user-1", "x-traffic-label": "version=v2"}, "stable", "v2"},
	} {
		s.outside.expect(s.T, c.outside, c.sent)
		s.inside.expect(s.T, c.inside, c.sent)
	}
}

// isEditedWhileTrafficFlows raises the share of v2 in the cluster, and expects the users that join to have moved, those who
// were there to have stayed, and no request to be lost.
func (s *stage) isEditedWhileTrafficFlows() {
	s.Helper()
	before := s.members()
	load := startLoad(s.T, "the policy is edited ("+s.flavour+")", s.outside, s.inside)
	load.pass(100)
	edited := time.Now()
	s.apply(policy{version: 2, percent: 50})
	s.awaitPolicy(2)
	s.Logf("%s: an edited policy is in force after %.1f s", s.flavour, time.Since(edited).Seconds())
	load.pass(400)
	after := s.members()
	load.end()
	for user := range before {
		if !after[user] {
			s.Errorf("%s has left v2 though its share was raised", user)
		}
	}
	if len(after) < len(before)+60 || len(after) < 70 || len(after) > 130 {
		s.Errorf("of 200 users %d are in v2 after %d, about 100 are expected", len(after), len(before))
	}
}

// getsOtherPodsWhileTrafficFlows replaces every pod of both lanes.
func (s *stage) getsOtherPodsWhileTrafficFlows() {
	s.Helper()
	load := startLoad(s.T, "every pod is replaced ("+s.flavour+")", s.outside, s.inside)
	load.pass(100)
	s.mesh.kubectl("rollout", "restart", "deployment/user-svc-v1", "deployment/user-svc-v2")
	s.mesh.rollout()
	process.Await(s.T, "the pods before are gone", func() bool { return len(s.mesh.pods("app=user-svc")) == 4 })
	load.pass(400)
	load.end()
}

// losesTheModuleWhileTrafficFlows takes the module away and brings it back. In between, stable answers, whatever a client
// outside says.
func (s *stage) losesTheModuleWhileTrafficFlows() {
	s.Helper()
	tester := headers{"x-tester": "yes"}
	load := startLoad(s.T, "the module is taken away and brought back ("+s.flavour+")", s.outside, s.inside)
	load.accept("stable")
	for place, name := range map[string]string{"istio-ingress": "graylane-gateway", "shop": "graylane-sidecar"} {
		for _, kind := range []string{"wasmplugin", "trafficextension", "envoyfilter"} {
			s.mesh.Kubectl("delete", kind, name, "--namespace="+place, "--ignore-not-found")
		}
	}
	s.awaitLane("stable", tester)
	s.outside.expect(s.T, "stable", headers{"x-gray-lane": "v2"})
	s.outside.expect(s.T, "stable", headers{"x-gray-cluster": clusterOfV2})
	load.pass(200)
	s.apply(policy{version: 3, percent: 5})
	s.awaitLane("v2", tester)
	load.pass(200) // connections that were opened in between keep to stable
	load.end()
}

// awaitLane waits until a lane answers, from outside and inside the mesh.
func (s *stage) awaitLane(lane string, sent headers) {
	s.Helper()
	for _, from := range []entrance{s.outside, s.inside} {
		process.Await(s.T, fmt.Sprintf("%s answers %v", lane, sent), func() bool { return from.lane(sent) == lane })
	}
}

// members are the users of v2, of two hundred, who are the same from outside and inside the mesh.
func (s *stage) members() map[string]bool {
	s.Helper()
	found := map[string]bool{}
	for number := range 200 {
		user := fmt.Sprint("user-", number)
		outside, inside := s.outside.lane(headers{"x-gray-id": user}), s.inside.lane(headers{"x-gray-id": user})
		if outside != inside {
			s.Errorf("%s comes to %s from outside and to %s from inside", user, outside, inside)
		}
		if outside == "v2" {
			found[user] = true
		}
	}
	return found
}
