package mesh

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"graylane.test/mesh/manifest"
)

func TestEveryFileOfIstioCarriesTraffic(t *testing.T) {
	named := []string{}
	for _, flavour := range flavours {
		folder := flavour.folder()
		named = append(named, filepath.Join(folder, "kustomization.yaml"))
		if flavour.meshConfig != "" {
			named = append(named, filepath.Join(folder, flavour.meshConfig))
		}
		for _, file := range flavour.files {
			named = append(named, filepath.Join(folder, file))
		}
	}
	for _, file := range istioFiles(t) {
		if !slices.Contains(named, file) {
			t.Errorf("istio/%s is in no flavour (tests/mesh/flavours_test.go): nothing sends traffic through it", file)
		}
	}
	for _, file := range named {
		if _, err := os.Stat(filepath.Join(root, "istio", file)); err != nil {
			t.Errorf("a flavour names istio/%s: %v", file, err)
		}
	}
}

// A flavour could name a file that its traffic does not need. So each object is left out once, and must be missed.
func TestEveryObjectOfIstioIsMissedWhereItIsLeftOut(t *testing.T) {
	for _, flavour := range flavours {
		if flavour.meshConfig != "" {
			continue // telemetry moves no request: TestTheAccessLogTellsEachDecision holds it to what it does
		}
		for _, file := range flavour.files {
			for _, left := range inFile(t, filepath.Join(flavour.folder(), file)) {
				t.Run(flavour.name+"/"+manifest.Name(left), func(t *testing.T) {
					s := start(t, setting{flavour: flavour.name, tally: &tally{}, edit: func(all []*manifest.Object) []*manifest.Object {
						found := manifest.Find(all, left.GetKind(), left.GetName())
						if found == nil {
							t.Fatalf("%s is not applied at all", manifest.Name(left))
						}
						return without(all, found)
					}})
					faults := contract(s)
					if len(faults) == 0 {
						t.Error("nothing that the contract asks for needs it")
					}
					t.Log(list(faults))
				})
			}
		}
	}
}

// sourceFiles is what istio/base is rendered from: cli/tests/mesh.rs holds it to that, and the rendered flavours read it.
var sourceFiles = []string{"policy.yaml", "facts.yaml"}

// istioFiles is every manifest below istio/, by its path there.
func istioFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	top := filepath.Join(root, "istio")
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) == ".md" {
			return err
		}
		file, err := filepath.Rel(top, path)
		if !slices.Contains(sourceFiles, file) {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there is nothing in istio/")
	}
	return files
}

func inFile(t *testing.T, file string) []*manifest.Object {
	t.Helper()
	objects, err := manifest.ReadFile(filepath.Join(root, "istio", file))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
