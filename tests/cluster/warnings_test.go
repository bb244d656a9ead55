package cluster

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// Kubectl fails a test where the API server warns; this finds every folder, also one that no test applies by name.
func TestAnAPIServerTakesEveryKustomizationWithoutAWarning(t *testing.T) {
	s := openShopWithIstio(t)
	found := 0
	for _, top := range []string{"istio", "kubernetes"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Name() != "kustomization.yaml" {
				return err
			}
			folder := filepath.Dir(path)
			found++
			t.Run(strings.TrimPrefix(folder, root+"/"), func(t *testing.T) {
				// From a kustomization of one's own, as users do: where the one that it is given asks for an order, kubectl remarks
				// that it would have chosen another.
				if within, ok := strings.CutPrefix(folder, root+"/istio/"); ok && strings.Contains(read(t, path), "kind: Component") {
					folder = flavour{kustomization: "base", component: within}.folder(t)
				} else if ok {
					folder = flavour{kustomization: within}.folder(t)
				}
				out, err := s.TryKubectl("apply", "--server-side", "--dry-run=server", "--kustomize="+folder)
				if err != nil {
					t.Error(err)
				}
				t.Logf("%d objects", strings.Count(out, "(server dry run)"))
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 10 {
		t.Errorf("there are %d kustomizations", found)
	}
}

// So that what is said of warnings can be seen to be looked for.
func TestAWarningOfTheAPIServerIsSeen(t *testing.T) {
	s := openShop(t)
	old := write(t, filepath.Join(t.TempDir(), "old.yaml"), "{apiVersion: v1, kind: Endpoints, metadata: {name: old, namespace: shop}}")
	if _, err := s.TryKubectl("apply", "--server-side", "--filename="+old); err == nil || !strings.Contains(err.Error(), "deprecated") {
		t.Errorf("an object of a deprecated kind passes: %v", err)
	}
}
