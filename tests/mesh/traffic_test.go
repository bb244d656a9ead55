package mesh

import (
	"net/http"
	"slices"
	"testing"

	"graylane.test/mesh/manifest"
)

func TestEveryFlavourSendsEachRequestToTheLaneThatThePolicyDecides(t *testing.T) {
	for _, flavour := range all() {
		t.Run(flavour.name, func(t *testing.T) {
			if faults := contract(start(t, setting{flavour: flavour.name})); len(faults) > 0 {
				t.Error(list(faults))
			}
		})
	}
}

func TestAClientMayWriteTheNameOfTheServiceInEveryForm(t *testing.T) {
	s := start(t, setting{flavour: "WasmPlugin"})
	for _, host := range []string{"user-svc", "user-svc.shop", "user-svc.shop.svc", "user-svc.shop.svc.cluster.local"} {
		for _, written := range []string{host, host + ":8080"} {
			if lane := s.lane(http.DefaultClient, s.clientAt, written, request{"x-tester": "yes"}); lane != "v2" {
				t.Errorf("a tester who asks for %s is sent to %s", written, lane)
			}
		}
	}
}

// isPlugin tells whether an object loads the module.
func isPlugin(object *manifest.Object) bool {
	return slices.Contains([]string{"WasmPlugin", "TrafficExtension", "EnvoyFilter"}, object.GetKind()) &&
		slices.Contains([]string{"graylane-gateway", "graylane-sidecar"}, object.GetName())
}
