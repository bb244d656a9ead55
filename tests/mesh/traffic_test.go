package mesh

import (
	"slices"
	"testing"

	"graylane.test/mesh/manifest"
)

func TestEveryFlavourSendsEachRequestToTheLaneThatThePolicyDecides(t *testing.T) {
	for _, flavour := range flavours {
		t.Run(flavour.name, func(t *testing.T) {
			if faults := contract(start(t, setting{flavour: flavour.name})); len(faults) > 0 {
				t.Error(list(faults))
			}
		})
	}
}

// isPlugin tells whether an object loads the module.
func isPlugin(object *manifest.Object) bool {
	return slices.Contains([]string{"WasmPlugin", "TrafficExtension", "EnvoyFilter"}, object.GetKind()) &&
		slices.Contains([]string{"graylane-gateway", "graylane-sidecar"}, object.GetName())
}
