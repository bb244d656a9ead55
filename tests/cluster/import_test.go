package cluster

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"

	"graylane.test/cluster/process"
)

// canaries are those of ingress-nginx in examples/import: the end of each file's name, and what an import cannot know.
var canaries = []struct {
	by, app string
	port    int
	hosts   []string
	// The exit code of rendering it for ingress-nginx: 3 where users would keep their lane, and do not there.
	code string
}{
	{"header", "checkout", 80, []string{"shop.example.com"}, ""},
	{"cookie", "account", 80, []string{"*.account.example.com"}, "3"},
	{"weight", "web", 8080, []string{"www.example.com", "example.com"}, "3"},
}

func TestAnAPIServerTakesWhatIsMadeOfCanariesOfIngressNginx(t *testing.T) {
	s := openShopWithIstio(t)
	s.Kubectl("apply", "--server-side", "--filename=../mesh/fixtures/imported.yaml")
	for _, c := range canaries {
		t.Run(c.by, func(t *testing.T) {
			original := filepath.Join(root, "examples/import/ingress-nginx-by-"+c.by+".yaml")
			s.Kubectl("apply", "--server-side", "--filename="+original)
			weight := s.annotation(c.app+"-canary", "canary-weight")

			folder := t.TempDir()
			in := func(name string) string { return filepath.Join(folder, name) }
			graylane(t, "", "import", "ingress-nginx", original, "--trust-anybody", "--output", in("policy.yaml"), "--facts", in("facts.yaml"))
			graylane(t, c.code, "render", "ingress-nginx", in("policy.yaml"), "--release", c.app, "--facts", in("facts.yaml"), "--output", in("ingress.yaml"))
			graylane(t, "", "render", "ingress-nginx", in("policy.yaml"), "--release", c.app, "--facts", in("facts.yaml"), "--decided-before", "--output", in("decided.yaml"))
			for file, want := range map[string]string{"ingress.yaml": weight, "decided.yaml": "0"} {
				t.Log("\n" + s.Kubectl("apply", "--server-side", "--force-conflicts", "--field-manager="+file, "--filename="+in(file)))
				if got := s.annotation(c.app+"-canary", "canary-weight"); got != want {
					t.Errorf("%s: the weight of the canary is %q, not %q", file, got, want)
				}
			}

			var facts map[string]any
			if err := yaml.Unmarshal([]byte(read(t, in("facts.yaml"))), &facts); err != nil {
				t.Fatal(err)
			}
			complete(facts, c.app+"-lanes", c.port, c.hosts)
			text, err := json.Marshal(facts)
			if err != nil {
				t.Fatal(err)
			}
			write(t, in("facts.json"), string(text))
			write(t, in("there.yaml"), s.kubectl("get", "virtualservices,destinationrules", "--output=yaml"))
			graylane(t, "", "render", "istio", in("policy.yaml"), "--facts", in("facts.json"), "--existing", in("there.yaml"), "--output", in("istio.yaml"))
			t.Log("\n" + s.Kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=graylane", "--filename="+in("istio.yaml")))
			if names := s.kubectl("get", "virtualservice", c.app, "--output=jsonpath={.spec.http[*].name}"); !strings.Contains(names, "graylane:canary:"+c.app+" "+c.app) {
				t.Errorf("the routes are %s", names)
			}
		})
	}
}

// complete adds what an import cannot know: the module, the gateway, the Service of both lanes with its hosts, and what tells
// their pods apart.
func complete(facts map[string]any, service string, port int, hosts []string) {
	facts["module"] = map[string]any{"url": "file://" + module}
	facts["gateway"] = map[string]any{"name": "ingress", "namespace": "istio-ingress", "labels": map[string]any{"istio": "ingress"}}
	first := facts["services"].([]any)[0].(map[string]any)
	first["name"], first["port"], first["hosts"] = service, port, hosts
	for lane, version := range map[string]string{"stable": "v1", "canary": "v2"} {
		first["lanes"].(map[string]any)[lane].(map[string]any)["labels"] = map[string]any{"version": version}
	}
}

// annotation is one of an Ingress for ingress-nginx.
func (s *shop) annotation(ingress, name string) string {
	s.Helper()
	return s.kubectl("get", "ingress", ingress, `--output=jsonpath={.metadata.annotations.nginx\.ingress\.kubernetes\.io/`+name+"}")
}

// graylane runs the tool. It has to end with this exit code, "" for 0.
func graylane(t *testing.T, code string, arguments ...string) {
	t.Helper()
	_, _, err := process.Run(nil, programs["graylane"], arguments...)
	if (err == nil) != (code == "") || err != nil && !strings.Contains(err.Error(), "exit status "+code) {
		t.Fatalf("graylane %v: %v; exit code %q is expected", arguments, err, code)
	}
}
