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
		holdToRank(t, flavour.name, objects)
	}
}

func TestObjectsAreRenderedInTheOrderToApplyThemAndRemovedInReverse(t *testing.T) {
	for _, flavour := range rendered {
		objects := build(t, flavour, "")
		holdToRank(t, flavour.name, objects)
		removed := flavour.sources(t, "").render(t, append(slices.Clone(flavour.render), "--remove")...)
		slices.Reverse(removed)
		if applied, removed := names(objects), names(removed); !slices.Equal(applied, removed) {
			t.Errorf("%s: applied are %q, and removed, the last first, %q", flavour.name, applied, removed)
		}
	}
}

func holdToRank(t *testing.T, flavour string, objects []*manifest.Object) {
	t.Helper()
	before := 0
	for _, object := range objects {
		if object.GetName() == "graylane-early-removal" {
			continue // refers to nothing, and nothing refers to it
		}
		at := slices.Index(rank, object.GetKind())
		if at < before {
			t.Errorf("%s: %s comes too late", flavour, manifest.Name(object))
		}
		before = at
	}
}

func names(objects []*manifest.Object) (names []string) {
	for _, object := range objects {
		names = append(names, manifest.Name(object))
	}
	return names
}
