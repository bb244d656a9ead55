package mesh

import (
	"testing"

	"graylane.test/mesh/manifest"
	"graylane.test/mesh/upstream"
)

func TestALaneIsAddedAndRemovedWhileTrafficFlows(t *testing.T) {
	s := start(t, setting{flavour: "WasmPlugin"})
	traffic := s.startLoad()
	pods := userSvc("v3", "v3", upstream.Start(t, "v3")).Objects()
	wants := request{"x-want": "v3"}

	// In the order of the README: pods, subset, route, policy.
	s.discovery.Apply(pods...)
	s.editSubsets(func(subsets []any) []any {
		return append(subsets, map[string]any{"name": "v3", "labels": map[string]any{"version": "v3"}})
	})
	s.awaitCluster("outbound|8080|v3|user-svc.shop.svc.cluster.local", true)
	s.editRoutes(func(routes []any) []any { return append([]any{routeTo("v3")}, routes...) })
	s.toVersion(2, withV3)
	s.await(wants, "v3")
	traffic.passed(500)

	// And back, in the reverse order.
	s.toVersion(3, withoutV3)
	s.await(wants, "stable")
	s.editRoutes(func(routes []any) []any { return routes[1:] })
	s.awaitNoRoute("v3")
	s.editSubsets(func(subsets []any) []any { return subsets[:2] })
	s.awaitCluster("outbound|8080|v3|user-svc.shop.svc.cluster.local", false)
	s.discovery.Delete(pods...)
	traffic.passed(500)
	traffic.end()
	if traffic.lanes["v3"] == 0 {
		t.Error("the traffic never came to v3")
	}
}

func TestALaneThatNoRouteKnowsGoesToStable(t *testing.T) {
	s := start(t, setting{flavour: "WasmPlugin"})
	traffic := s.startLoad()
	s.toVersion(2, withV3)
	if lane := s.throughGateway(request{"x-want": "v3"}); lane != "stable" {
		t.Errorf("the gateway sends it to %s", lane)
	}
	if lane := s.throughClient(request{"x-want": "v3"}); lane != "stable" {
		t.Errorf("the client's sidecar sends it to %s", lane)
	}
	traffic.passed(200)
	traffic.end()
}

// So that an order that loses requests is seen to lose them.
func TestALaneWhoseSubsetIsRemovedBeforeItsRouteLosesRequests(t *testing.T) {
	s := start(t, setting{flavour: "WasmPlugin", tally: &tally{}})
	traffic := s.startLoad()
	s.editSubsets(func(subsets []any) []any { return subsets[:1] })
	s.awaitCluster(clusterOfV2, false)
	traffic.passed(500)
	if failed := traffic.halt(); len(failed) == 0 {
		t.Error("no request is lost")
	}
}

// withV3 gives the policy a third lane, for who asks for it.
func withV3(policy map[string]any) {
	release := release(policy)
	release["lanes"] = append(release["lanes"].([]any), map[string]any{"name": "v3"})
	rule := map[string]any{
		"name": "wants", "lane": "v3",
		"when": map[string]any{"header": map[string]any{"x-want": map[string]any{"exact": "v3"}}},
	}
	release["rules"] = append([]any{rule}, release["rules"].([]any)...)
}

func withoutV3(policy map[string]any) {
	release := release(policy)
	release["lanes"] = release["lanes"].([]any)[:2]
	release["rules"] = release["rules"].([]any)[1:]
}

func routeTo(lane string) map[string]any {
	host := "user-svc.shop.svc.cluster.local"
	return map[string]any{
		"name":  "user-svc-" + lane,
		"match": []any{map[string]any{"headers": map[string]any{"x-gray-lane": map[string]any{"exact": lane}}}},
		"route": []any{map[string]any{"destination": map[string]any{
			"host": host, "subset": lane, "port": map[string]any{"number": int64(8080)},
		}}},
	}
}

func (s *stage) editSubsets(edit func([]any) []any) {
	s.editList("DestinationRule", "user-svc", "subsets", edit)
}

// editRoutes changes the routes within the mesh, and those at the gateway.
func (s *stage) editRoutes(edit func([]any) []any) {
	s.editList("VirtualService", "user-svc", "http", edit)
	s.editList("VirtualService", "user-svc-gateway", "http", edit)
}

// editList changes a list of the spec of an object, and applies it.
func (s *stage) editList(kind, name, list string, edit func([]any) []any) {
	s.Helper()
	found := manifest.Find(s.objects, kind, name)
	spec := found.Object["spec"].(map[string]any)
	spec[list] = edit(spec[list].([]any))
	s.discovery.Apply(found)
}

// await waits until gateway and client send a request to a lane.
func (s *stage) await(sent request, lane string) {
	s.Helper()
	if !soon(func() bool { return s.throughGateway(sent) == lane && s.throughClient(sent) == lane }) {
		s.Fatalf("%v does not come to %s", sent, lane)
	}
}

// awaitCluster waits until both proxies have a cluster, or have it no more.
func (s *stage) awaitCluster(name string, there bool) {
	s.Helper()
	if !soon(func() bool { return s.gateway.HasCluster(name) == there && s.client.HasCluster(name) == there }) {
		s.Fatalf("cluster %s: there is not %t", name, there)
	}
}

// awaitNoRoute waits until neither proxy has the route of a lane.
func (s *stage) awaitNoRoute(lane string) {
	s.Helper()
	if !soon(func() bool { return !s.gateway.HasRoute("user-svc-"+lane) && !s.client.HasRoute("user-svc-"+lane) }) {
		s.Fatalf("route to %s is still there", lane)
	}
}
