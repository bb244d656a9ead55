package mesh

import (
	"testing"

	"graylane.test/mesh/manifest"
	"graylane.test/mesh/registry"
)

// What the order of a roll-out in docs/operations.md rests on.

func TestProxiesFetchTheModuleFromARegistry(t *testing.T) {
	artifact, compat := images(t)
	host := pushed(t, "1.2.3").Host
	for flavour, image := range map[string]image{"WasmPlugin": artifact, "TrafficExtension": compat} {
		t.Run(flavour, func(t *testing.T) {
			reference := host + "/team/graylane@" + image.digest(t)
			if faults := contract(start(t, setting{flavour: flavour, agent: true, edit: loading(reference)})); len(faults) > 0 {
				t.Error(list(faults))
			}
		})
	}
}

func TestANewImageComesIntoForceWhileTrafficFlows(t *testing.T) {
	artifact, compat := images(t)
	at := pushed(t, "1.2.3").Host + "/team/graylane@"
	s := start(t, setting{flavour: "WasmPlugin", agent: true, edit: loading(at + compat.digest(t))})
	traffic := s.startLoad()
	traffic.passed(500)
	s.objects = loading(at + artifact.digest(t))(s.objects)
	s.toVersion(2, nil)
	traffic.passed(500)
	traffic.end()
}

// The module that is running is not kept: the agent puts a filter in its place.
func TestAProxyWhoseImageCannotBeFetchedTurnsEverythingAway(t *testing.T) {
	artifact, _ := images(t)
	at := pushed(t, "1.2.3").Host + "/team/graylane@"
	s := start(t, setting{flavour: "WasmPlugin", agent: true, edit: loading(at + artifact.digest(t)), tally: &tally{lanes: map[string]int{}}})
	for _, strategy := range []string{"FAIL_RELOAD", "FAIL_CLOSE", "UNSPECIFIED"} {
		s.objects = failing(strategy)(s.objects)
		s.load(at + artifact.digest(t))
		s.await(request{"x-tester": "yes"}, "v2")
		s.load(at + noDigest)
		s.await(nil, denied)
	}
}

// A proxy that starts meets the same, and does not look again: it needs an update of the plugin.
func TestAnImageThatIsPushedAfterItsPluginIsNotFetchedByItself(t *testing.T) {
	artifact, _ := images(t)
	registry := registry.Start(t, root, nil)
	reference := registry.Host + "/team/graylane@" + artifact.digest(t)
	s := start(t, setting{flavour: "WasmPlugin", agent: true, edit: loading(reference), tally: &tally{lanes: map[string]int{}}})
	tester := request{"x-tester": "yes"}
	s.await(tester, "stable")
	if words, err := push(registry.Host+"/team", "1.2.3"); err != nil {
		t.Fatalf("make push: %v\n%s", err, words)
	}
	for range 20 {
		if got := s.throughGateway(tester); got != "stable" {
			t.Fatalf("the gateway answers %s", got)
		}
	}
	s.toVersion(2, nil)
	s.await(tester, "v2")
}

func TestWithFailOpenAProxyWhoseImageCannotBeFetchedKeepsToStable(t *testing.T) {
	artifact, _ := images(t)
	at := pushed(t, "1.2.3").Host + "/team/graylane@"
	open := func(objects []*manifest.Object) []*manifest.Object {
		return failing("FAIL_OPEN")(loading(at + artifact.digest(t))(objects))
	}
	s := start(t, setting{flavour: "WasmPlugin", agent: true, edit: open})
	s.await(request{"x-tester": "yes"}, "v2")
	traffic := s.startLoad()
	traffic.passed(200)
	s.load(at + noDigest)
	s.await(request{"x-tester": "yes"}, "stable")
	for _, name := range []string{"x-gray-lane", "x-canary"} {
		if lane := s.throughGateway(request{name: "v2"}); lane != "stable" {
			t.Errorf("a client that sends %s gets %s", name, lane)
		}
	}
	if label := s.arrives(s.gatewayAt, outside, request{"x-traffic-label": "version=v2"}, "x-traffic-label"); label != "" {
		t.Errorf("the label of a client arrives as %q", label)
	}
	// Baggage is what early removal does not look into.
	const baggage = "traffic-label=version%3Dv2"
	if got := s.arrives(s.gatewayAt, outside, request{"baggage": baggage}, "baggage"); got != baggage {
		t.Errorf("the baggage of a client arrives as %q", got)
	}
	traffic.passed(200)
	traffic.end()
}

// denied is what the filter answers that the agent puts in place of a module it could not fetch.
const denied = "403 RBAC: access denied"

// failing gives WasmPlugins a strategy.
func failing(strategy string) func([]*manifest.Object) []*manifest.Object {
	return func(objects []*manifest.Object) []*manifest.Object {
		for _, object := range objects {
			if object.GetKind() != "WasmPlugin" {
				continue
			}
			spec := object.Object["spec"].(map[string]any)
			spec["failStrategy"] = strategy
			if strategy == "UNSPECIFIED" {
				delete(spec, "failStrategy")
			}
		}
		return objects
	}
}

// loading lets plugins load an image.
func loading(reference string) func([]*manifest.Object) []*manifest.Object {
	return func(objects []*manifest.Object) []*manifest.Object {
		for _, object := range objects {
			spec, _ := object.Object["spec"].(map[string]any)
			switch object.GetKind() {
			case "WasmPlugin":
				spec["url"] = "oci://" + reference
			case "TrafficExtension":
				spec["wasm"].(map[string]any)["url"] = "oci://" + reference
			}
		}
		return objects
	}
}

// load lets the plugins load another image.
func (s *stage) load(reference string) {
	s.Helper()
	s.objects = loading(reference)(s.objects)
	s.each(isPlugin, s.discovery.Apply)
}
