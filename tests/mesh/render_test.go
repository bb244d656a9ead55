package mesh

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"graylane.test/mesh/manifest"
)

// origin is what graylane renders from: a policy, or the file that it stands in, and facts of the cluster.
type origin struct {
	policy, facts map[string]any
	policyFile    string
}

// sources is the origin of istio/base, with a module in the place of the image. Without a module it is as it stands.
func sources(t *testing.T, module string) origin {
	t.Helper()
	from := origin{policy: source(t, "policy.yaml"), facts: source(t, "facts.yaml")}
	if module != "" {
		from.facts["module"] = map[string]any{"url": "file://" + module}
	}
	return from
}

// sources is the origin of what is rendered. Without a module it is as it stands, but for who loads a file.
func (f flavour) sources(t *testing.T, module string) origin {
	t.Helper()
	if module == "" && f.loadsFile {
		module = "/etc/graylane/graylane.wasm"
	}
	return sources(t, module)
}

func source(t *testing.T, file string) (content map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "istio", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, &content); err != nil {
		t.Fatalf("istio/%s: %v", file, err)
	}
	return content
}

// lanes is what the facts say of the lanes of user-svc.
func (o origin) lanes() map[string]any {
	return o.facts["services"].([]any)[0].(map[string]any)["lanes"].(map[string]any)
}

// serving says of a lane that it has pods that serve, or that it has none.
func (o origin) serving(lane string, serves bool) origin {
	o.lanes()[lane].(map[string]any)["serving"] = serves
	return o
}

// render is the objects that graylane writes, in its order. What it remarks goes into the log of the test.
func (o origin) render(t *testing.T, arguments ...string) []*manifest.Object {
	t.Helper()
	objects, notes := o.run(t, arguments...)
	if notes != "" {
		t.Log(notes)
	}
	return objects
}

// run runs the tool: graylane render FORMAT POLICY --facts FACTS OPTION...
func (o origin) run(t *testing.T, arguments ...string) (objects []*manifest.Object, notes string) {
	t.Helper()
	policy, facts := o.policyFile, writeYAML(t, "facts.yaml", o.facts)
	if policy == "" {
		policy = writeYAML(t, "policy.yaml", o.policy)
	}
	var out, told bytes.Buffer
	command := exec.Command(graylane, slices.Insert(slices.Clone(arguments[1:]), 0, "render", arguments[0], policy, "--facts", facts)...)
	command.Stdout, command.Stderr = &out, &told
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", command.Args[1:], err, &told)
	}
	objects, err := manifest.Parse(out.Bytes())
	if err != nil {
		t.Fatalf("%v: %v\n%s", command.Args[1:], err, &out)
	}
	if len(objects) == 0 {
		t.Fatalf("%v renders nothing", command.Args[1:])
	}
	return objects, strings.TrimSpace(told.String())
}

// existing is a file with objects as the API server tells them to `kubectl get -o yaml`.
func existing(t *testing.T, objects []*manifest.Object) string {
	t.Helper()
	var items []any
	for _, object := range objects {
		told := object.DeepCopy()
		told.SetUID("6f1b5c1e-0000-4000-8000-000000000000")
		told.SetResourceVersion("4711")
		told.SetGeneration(3)
		items = append(items, told.Object)
	}
	return writeYAML(t, "there.yaml", map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
}

// writeYAML writes content into a file of that name, in a folder of its own.
func writeYAML(t *testing.T, name string, content map[string]any) (path string) {
	t.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
