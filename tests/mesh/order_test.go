package mesh

import (
	"path/filepath"
	"slices"
	"testing"

	"graylane.test/mesh/manifest"
)

// rank is the order in which objects are applied: what others refer to comes first, the module last.
var rank = []string{"Service", "DestinationRule", "HTTPRoute", "VirtualService", "WasmPlugin", "TrafficExtension", "EnvoyFilter"}

func TestKustomizationsNameObjectsInTheOrderToApplyThem(t *testing.T) {
	for _, flavour := range flavours {
		objects, err := manifest.Build(filepath.Join(root, "istio", flavour.kustomization))
		if err != nil {
			t.Fatal(err)
		}
		before := 0
		for _, object := range objects {
			if object.GetName() == "graylane-early-removal" {
				continue // refers to nothing, and nothing refers to it
			}
			at := slices.Index(rank, object.GetKind())
			if at < before {
				t.Errorf("%s: %s comes too late", flavour.name, manifest.Name(object))
			}
			before = at
		}
	}
}
