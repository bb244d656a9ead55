package cluster

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"graylane.test/cluster/process"
)

// rendering is a policy and facts that graylane renders for Istio, against the cluster of a shop.
type rendering struct {
	*shop
	policy, facts string
}

// renderingOfIstio is that of istio/, with a policy of which each test changes its own copy.
func (s *shop) renderingOfIstio() *rendering {
	s.Helper()
	r := &rendering{shop: s, policy: filepath.Join(s.TempDir(), "policy.yaml"), facts: filepath.Join(root, "istio/facts.yaml")}
	r.percent("5")
	return r
}

// percent writes the policy with this share of v2.
func (r *rendering) percent(share string) {
	r.Helper()
	before := read(r.T, filepath.Join(root, "istio/policy.yaml"))
	if strings.Count(before, "percent: 5}") != 1 {
		r.Fatal("the policy of istio/ has no share of 5, or several")
	}
	write(r.T, r.policy, strings.Replace(before, "percent: 5}", "percent: "+share+"}", 1))
}

// run is graylane render istio with these options: what it prints, what it tells, and its exit code.
func (r *rendering) run(options ...string) (out, told string, code int) {
	r.Helper()
	environment := []string{"KUBECONFIG=" + r.Kubeconfig, "KUBECTL=" + programs["kubectl"]}
	arguments := append([]string{"render", "istio", r.policy, "--facts", r.facts}, options...)
	out, told, err := process.Run(environment, programs["graylane"], arguments...)
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return out, told, ended.ExitCode()
	}
	if err != nil {
		r.Fatal(err)
	}
	return out, told, 0
}

// apply applies what is rendered, as the documents say.
func (r *rendering) apply(flags []string, options ...string) {
	r.Helper()
	out, told, code := r.run(options...)
	if code != 0 {
		r.Fatalf("it is not rendered: %d %s", code, told)
	}
	file := write(r.T, filepath.Join(r.TempDir(), "objects.yaml"), out)
	r.Kubectl(append([]string{"apply", "--server-side", "--field-manager=graylane", "--filename=" + file}, flags...)...)
}

// differs is the lines that change, of a difference to the cluster, without those that number its revisions. The test fails
// where another exit code says what there is.
func (r *rendering) differs(code int, options ...string) (added, removed []string) {
	r.Helper()
	out, told, ended := r.run(append(options, "--diff", "cluster")...)
	if ended != code {
		r.Fatalf("exit code %d instead of %d\n%s%s", ended, code, out, told)
	}
	if (out == "") != (code == 0) {
		r.Errorf("exit code %d, and what is printed is %q", code, out)
	}
	for line := range strings.Lines(out) {
		switch {
		case strings.HasPrefix(line, "+++ ") || strings.HasPrefix(line, "--- ") || strings.Contains(line, "  generation: "):
		case strings.HasPrefix(line, "+"):
			added = append(added, strings.TrimSpace(line[1:]))
		case strings.HasPrefix(line, "-"):
			removed = append(removed, strings.TrimSpace(line[1:]))
		}
	}
	return added, removed
}

// there is a file with the routes and subsets of the cluster, as people get them.
func (r *rendering) there() string {
	r.Helper()
	text := r.kubectl("get", "virtualservices,destinationrules", "--output=yaml")
	return write(r.T, filepath.Join(r.TempDir(), "there.yaml"), text)
}

func TestADifferenceToTheClusterIsWhatItsAPIServerSaysOfIt(t *testing.T) {
	r := openShopWithIstio(t).renderingOfIstio()
	added, removed := r.differs(1)
	kinds := 0
	for _, line := range added {
		if strings.HasPrefix(line, "kind: ") {
			kinds++
		}
	}
	if rendered, _, _ := r.run(); kinds != strings.Count("\n"+rendered, "\nkind: ") || len(removed) > 0 {
		t.Errorf("nothing is there yet, and %d objects are new, and %q goes", kinds, removed)
	}
	if left := r.Kubectl("get", "virtualservices,wasmplugins", "--all-namespaces", "--output=name"); left != "" {
		t.Errorf("to look changes the cluster: %s", left)
	}

	r.apply(nil)
	r.differs(0)

	r.percent("7")
	added, removed = r.differs(1)
	// At the gateway and within the mesh, and nothing else.
	if !slices.Equal(added, []string{"percent: 7", "percent: 7"}) || !slices.Equal(removed, []string{"percent: 5", "percent: 5"}) {
		t.Errorf("the share alone was changed, and what differs is %q in the place of %q", added, removed)
	}
	r.apply(nil)
	r.differs(0)

	// Faults are no differences.
	r.Server.Kill()
	if out, told, code := r.run("--diff", "cluster"); code != 2 || out != "" || !strings.Contains(told, "kubectl diff could not be carried out") {
		t.Errorf("without an API server: exit code %d, %q, %q", code, out, told)
	}
}

func TestARouteOfOthersInTheClusterIsKept(t *testing.T) {
	r := openShopWithIstio(t).renderingOfIstio()
	r.apply(nil)
	r.kubectl("patch", "virtualservice", "user-svc", "--type=json", "--field-manager=somebody",
		`--patch=[{"op": "add", "path": "/spec/http/0", "value": {"name": "reports", "match": [{"uri": {"prefix": "/reports"}}],
			"route": [{"destination": {"host": "front"}}]}}]`)

	// Who does not look at what is there would take it away: the API server refuses that, and says who wrote it.
	if _, told, code := r.run("--diff", "cluster"); code != 2 || !strings.Contains(told, "somebody") || !strings.Contains(told, "--existing") {
		t.Errorf("a route of somebody else is in the way: exit code %d, %q", code, told)
	}
	r.differs(0, "--existing", r.there())
	r.percent("7")
	added, removed := r.differs(1, "--existing", r.there())
	if !slices.Equal(added, []string{"percent: 7", "percent: 7"}) || !slices.Equal(removed, []string{"percent: 5", "percent: 5"}) {
		t.Errorf("the share alone was changed, and what differs is %q in the place of %q", added, removed)
	}
	r.apply([]string{"--force-conflicts"}, "--existing", r.there())
	r.has("user-svc", "name", "reports graylane:v2:user-svc user-svc")
	r.differs(0, "--existing", r.there())
}

func TestACanaryByWeightsInTheClusterBecomesOneOfLanes(t *testing.T) {
	r := openShopWithIstio(t).renderingOfIstio()
	r.Kubectl("apply", "--filename=../mesh/fixtures/weights.yaml") // as its owner does, who knows nothing of graylane
	r.facts = write(t, filepath.Join(t.TempDir(), "facts.yaml"),
		strings.Replace(read(t, r.facts), "v2: {", "v2: {subset: canary, ", 1))
	_, removed := r.differs(1, "--existing", r.there())
	if !slices.Contains(removed, "weight: 95") || !slices.Contains(removed, "weight: 5") {
		t.Errorf("the weights are left: %q goes", removed)
	}
	r.apply([]string{"--force-conflicts"}, "--existing", r.there())
	r.has("user-svc-routes", "name", "front graylane:canary:reports reports graylane:canary:user-svc user-svc")
	r.has("user-svc-routes", "timeout", "5s 5s 60s 60s")
	r.differs(0, "--existing", r.there())
}

// has holds the routes of a VirtualService to what they say in a field.
func (r *rendering) has(name, field, want string) {
	r.Helper()
	if got := r.kubectl("get", "virtualservice", name, "--output=jsonpath={.spec.http[*]."+field+"}"); got != want {
		r.Errorf("the routes of VirtualService %s have as %s %s, not %s", name, field, got, want)
	}
}
