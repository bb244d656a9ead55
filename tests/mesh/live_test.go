package mesh

import (
	"fmt"
	"testing"

	"graylane.test/mesh/manifest"
)

// loaders is the flavours that load the module in different ways.
var loaders = []string{"WasmPlugin", "EnvoyFilter", "TrafficExtension"}

func TestAShareIsChangedWhileTrafficFlows(t *testing.T) {
	for _, flavour := range loaders {
		t.Run(flavour, func(t *testing.T) {
			s := start(t, setting{flavour: flavour})
			few := s.members()
			traffic := s.startLoad()
			s.toVersion(2, percent(50))
			traffic.passed(500)
			many := s.members()
			s.toVersion(3, percent(5))
			traffic.passed(500)
			again := s.members()
			traffic.end()

			if len(many) < 450 || len(many) > 550 {
				t.Errorf("%d of %d users are in v2, 500 are expected", len(many), users)
			}
			for user := range few {
				if !many[user] || !again[user] {
					t.Errorf("%s has left v2", user)
				}
			}
			if len(again) != len(few) {
				t.Errorf("%d users are in v2, %d were before", len(again), len(few))
			}
			t.Logf("users in v2: %d, %d, %d", len(few), len(many), len(again))
		})
	}
}

func TestTheModuleIsTakenAwayAndBroughtBackWhileTrafficFlows(t *testing.T) {
	for _, flavour := range loaders {
		t.Run(flavour, func(t *testing.T) {
			s := start(t, setting{flavour: flavour})
			traffic := s.startLoad()
			traffic.passed(200)
			s.each(isPlugin, s.discovery.Delete)
			s.awaitTesters("stable")
			traffic.passed(500)
			s.each(isPlugin, s.discovery.Apply)
			s.awaitTesters("v2")
			traffic.passed(500)
			traffic.end()
		})
	}
}

func TestABadPolicyLeavesTheOneBeforeInForce(t *testing.T) {
	for _, flavour := range loaders {
		t.Run(flavour, func(t *testing.T) {
			s := start(t, setting{flavour: flavour})
			s.toVersion(2, percent(20))
			before := s.members()
			traffic := s.startLoad()
			s.changePolicy(func(policy map[string]any) {
				policy["version"] = int64(3)
				percent(150)(policy)
			})
			if !soon(func() bool {
				return s.gateway.Stat("extension_config_discovery.", ".update_rejected") > 0 &&
					s.client.Stat("extension_config_discovery.", ".update_rejected") > 0
			}) {
				t.Fatal("Envoy counts no rejected update")
			}
			if refused := s.gateway.Stat("wasmcustom.graylane.policy_refused.", ""); refused == 0 {
				t.Error("graylane counts no refused policy")
			}
			traffic.passed(500)
			during := s.members()
			if fmt.Sprint(during) != fmt.Sprint(before) {
				t.Errorf("%d users are in v2, %d were before the bad policy", len(during), len(before))
			}
			s.toVersion(4, percent(5))
			traffic.end()
		})
	}
}

// members is the users whom the gateway sends to v2. The client's sidecar must agree.
func (s *stage) members() map[string]bool {
	s.Helper()
	found := map[string]bool{}
	for number := range users {
		user := fmt.Sprintf("user-%d", number)
		lane := s.throughGateway(request{"x-gray-id": user})
		if within := s.throughClient(request{"x-gray-id": user}); within != lane {
			s.Errorf("%s is sent to %s by the gateway, and to %s within the mesh", user, lane, within)
		}
		if lane == "v2" {
			found[user] = true
		}
	}
	return found
}

// awaitTesters waits until gateway and client send testers to a lane.
func (s *stage) awaitTesters(lane string) {
	s.Helper()
	tester := request{"x-tester": "yes"}
	if !soon(func() bool {
		return s.lane(fresh, s.gatewayAt, outside, tester) == lane && s.lane(fresh, s.clientAt, inside, tester) == lane
	}) {
		s.Fatalf("testers do not come to %s", lane)
	}
}

// each does something with each of the objects that are such.
func (s *stage) each(such func(*manifest.Object) bool, do func(...*manifest.Object)) {
	for _, object := range s.objects {
		if such(object) {
			do(object)
		}
	}
}
