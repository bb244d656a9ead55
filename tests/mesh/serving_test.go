package mesh

import (
	"slices"
	"strings"
	"testing"

	"graylane.test/mesh/manifest"
	"graylane.test/mesh/upstream"
)

// withThird is the origin with a third lane, for who wants it.
func withThird(t *testing.T, serves bool) origin {
	from := sources(t, module)
	withV3(from.policy)
	from.lanes()["v3"] = map[string]any{"labels": map[string]any{"version": "v3"}}
	return from.serving("v3", serves)
}

func TestALaneIsSentRequestsWhileItIsSaidToServe(t *testing.T) {
	for _, flavour := range rendered {
		t.Run(flavour.name, func(t *testing.T) {
			s := start(t, setting{flavour: flavour.name, edit: func([]*manifest.Object) []*manifest.Object {
				return withThird(t, false).render(t, flavour.render...)
			}})
			wants := request{"x-want": "v3"}
			traffic := s.startLoad()
			traffic.passed(500)
			if s.routeNamesV3() {
				t.Error("a route names v3, which does not serve")
			}
			s.await(wants, "stable")

			pods := userSvc("v3", "v3", upstream.Start(t, "v3")).Objects()
			s.discovery.Apply(pods...)
			s.objects = withThird(t, true).render(t, flavour.render...)
			if !s.routeNamesV3() {
				t.Error("no route names v3, which serves")
			}
			s.discovery.Apply(s.objects...) // at once, as kubectl does
			s.await(wants, "v3")
			traffic.passed(500)

			s.discovery.Apply(withThird(t, false).render(t, flavour.render...)...)
			s.await(wants, "stable")
			s.discovery.Delete(pods...)
			traffic.passed(500)
			traffic.end()
			if traffic.lanes["v3"] == 0 {
				t.Error("no traffic came to v3")
			}
		})
	}
}

// routeNamesV3 tells whether an object that routes names the third lane.
func (s *stage) routeNamesV3() bool {
	return slices.ContainsFunc(s.objects, func(object *manifest.Object) bool {
		return slices.Contains([]string{"VirtualService", "HTTPRoute"}, object.GetKind()) &&
			strings.Contains(manifest.YAML(object), "v3")
	})
}

// Within the mesh: at the gateway the hosts go with their routes.
func TestEverythingIsRemovedInTheOrderThatIsPrintedWhileTrafficFlows(t *testing.T) {
	for _, flavour := range rendered {
		t.Run(flavour.name, func(t *testing.T) {
			s := start(t, setting{flavour: flavour.name})
			traffic := s.startLoadWithin()
			traffic.passed(500)
			named := sources(t, module).render(t, append(slices.Clone(flavour.render), "--remove")...)
			if len(named) != len(s.objects) {
				t.Errorf("%d objects were applied, and %d are removed", len(s.objects), len(named))
			}
			for _, name := range named {
				s.remove(name)
			}
			traffic.passed(500)
			traffic.end()
			if traffic.lanes["stable"] == 0 || traffic.lanes["v2"] == 0 {
				t.Errorf("the lanes of the service are no longer both there: %v", traffic.lanes)
			}
		})
	}
}

// remove deletes the object that another names, and waits until the client's sidecar has heard of it: what is deleted in one
// go may reach a proxy in another order, and loses requests.
func (s *stage) remove(name *manifest.Object) {
	s.Helper()
	object := manifest.Find(s.objects, name.GetKind(), name.GetName())
	if object == nil || object.GetNamespace() != name.GetNamespace() || object.GetAPIVersion() != name.GetAPIVersion() {
		s.Fatalf("%s is removed, which was not applied", manifest.Name(name))
	}
	s.discovery.Delete(object)
	tester := request{"x-tester": "yes"}
	gone := func() bool { return true } // what nothing in the sidecar shows
	switch {
	case object.GetName() == "graylane-sidecar":
		gone = func() bool { return s.lane(fresh, s.clientAt, inside, tester) == "stable" }
	case object.GetKind() == "VirtualService":
		route := "graylane:v2:" + object.GetName()
		gone = func() bool { return !s.client.HasRoute(route) && !s.gateway.HasRoute(route) }
	case object.GetName() == "user-svc-mesh": // its HTTPRoute, whose rules have the names of lanes
		gone = func() bool { return !s.client.HasRoute("v2") }
	case object.GetKind() == "DestinationRule":
		gone = func() bool { return !s.client.HasCluster(clusterOfV2) }
	}
	if !soon(gone) {
		s.Fatalf("%s is still in force", manifest.Name(name))
	}
}
