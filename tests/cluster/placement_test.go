package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"graylane.test/cluster/process"
)

// placement is a row of the table in docs/placement.md.
type placement struct {
	Name string
	// The weights of the two preferences: towards stable pods, which are in zone a, and canary pods, in zone b.
	Stable, Canary int
	// How many pods are in each zone before.
	StableBefore, CanaryBefore int
	// Zone a has room for 40 more pods, and no more.
	Tight bool
}

var placements = []placement{
	{Name: "no preference", StableBefore: 4, CanaryBefore: 4},
	{Name: "80 to stable, 20 to canary", Stable: 80, Canary: 20, StableBefore: 4, CanaryBefore: 4},
	{Name: "51 to stable, 49 to canary", Stable: 51, Canary: 49, StableBefore: 4, CanaryBefore: 4},
	{Name: "50 to each", Stable: 50, Canary: 50, StableBefore: 4, CanaryBefore: 4},
	{Name: "20 to stable, 80 to canary", Stable: 20, Canary: 80, StableBefore: 4, CanaryBefore: 4},
	{Name: "80 to stable, 20 to canary; 1 stable pod, 8 canary pods", Stable: 80, Canary: 20, StableBefore: 1, CanaryBefore: 8},
	{Name: "80 to stable, 20 to canary; room for 40 in zone a", Stable: 80, Canary: 20, StableBefore: 4, CanaryBefore: 4, Tight: true},
}

// measured is how many pods are placed for each row.
const measured = 100

func TestWeightedAffinityPlacesPodsAsThePageSays(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/placement.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := openShop(t)
	for _, row := range placements {
		t.Run(row.Name, func(t *testing.T) {
			zones := s.measure(t, row)
			t.Logf("| %s | %d | %d |", row.Name, zones["zone-a"], zones["zone-b"])
			var a, b int
			_, line, found := strings.Cut(string(page), "| "+row.Name+" |")
			if _, err := fmt.Sscanf(line, "%d | %d |", &a, &b); !found || err != nil {
				t.Fatalf("docs/placement.md has no such row")
			}
			if off := zones["zone-a"] - a; off < -8 || off > 8 || zones["zone-a"]+zones["zone-b"] != measured {
				t.Errorf("docs/placement.md says %d in zone a and %d in zone b", a, b)
			}
		})
	}
}

var placementManifest = template.Must(template.ParseFiles("fixtures/placement.yaml"))

// measure places the pods of a row by the real scheduler and counts them by zone.
func (s *shop) measure(t *testing.T, row placement) map[string]int {
	t.Helper()
	file := filepath.Join(s.TempDir(), "placement.yaml")
	out, err := os.Create(file)
	if err == nil {
		err = placementManifest.Execute(out, row)
	}
	if err != nil {
		t.Fatal(err)
	}
	out.Close()
	s.Kubectl("apply", "--filename="+file, "--selector=part=before")
	s.rollout()
	s.Kubectl("apply", "--filename="+file)
	s.rollout()
	zones := map[string]int{}
	for _, pod := range s.pods("part=measured") {
		zones["zone-"+strings.TrimPrefix(pod.Spec.NodeName, "node-")[:1]]++
	}
	s.Kubectl("delete", "--filename="+file, "--wait=false")
	process.Await(t, "the pods are gone", func() bool { return len(s.pods("")) == 0 })
	return zones
}

func TestTheManifestsPreferencesAreThoseThatAreMeasured(t *testing.T) {
	s := openShop(t)
	s.apply("overlays/affinity")
	got := s.kubectl("get", "deployment", "user-svc-canary",
		`--output=jsonpath={range .spec.template.spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[*]}`+
			`{.weight} {.podAffinityTerm.labelSelector.matchLabels.track} {.podAffinityTerm.topologyKey}{"\n"}{end}`)
	if want := "80 stable topology.kubernetes.io/zone\n20 canary topology.kubernetes.io/zone\n"; got != want {
		t.Errorf("%s instead of %s", got, want)
	}
}
