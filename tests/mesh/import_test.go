package mesh

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"graylane.test/mesh/discovery"
	"graylane.test/mesh/manifest"
	"graylane.test/mesh/upstream"
)

// A canary is one of ingress-nginx in examples/import, and what its annotations mean.
type canary struct {
	by string // the end of the file's name
	// The app, and the Services of its lanes.
	app, stable, next string
	port              int64
	hosts             []any
	// Where its share is counted: a host and a path.
	host, path string
	// The share of next, and how many users it is counted of.
	percent float64
	users   int
	cases   []meaning
}

// meaning is who answers a request, or the status where nobody does.
type meaning struct {
	host, path string
	sent       request
	answers    string
}

var canaries = []canary{
	{
		by: "header", app: "checkout", stable: "checkout-v1", next: "checkout-v2", port: 80,
		hosts: []any{"shop.example.com"}, host: "shop.example.com", path: "/checkout/1", percent: 0, users: 1000,
		cases: []meaning{
			{"shop.example.com", "/checkout/1", request{"x-canary": "enabled"}, "checkout-v2"},
			{"shop.example.com", "/checkout", request{"x-canary": "enabled"}, "checkout-v2"},
			{"shop.example.com", "/checkout/1", nil, "checkout-v1"},
			{"shop.example.com", "/checkout/1", request{"x-canary": "always"}, "checkout-v1"}, // no word but the value counts
			{"shop.example.com", "/checkout/1", request{"x-canary": "Enabled"}, "checkout-v1"},
			{"shop.example.com", "/checkout/1", request{"x-gray-lane": "canary"}, "checkout-v1"},
			{"shop.example.com", "/cart", request{"x-canary": "enabled"}, "404"},
			{"www.example.com", "/checkout/1", request{"x-canary": "enabled"}, "web"}, // who has a canary of its own
		},
	},
	{
		by: "cookie", app: "account", stable: "account", next: "account-next", port: 80,
		hosts: []any{"*.account.example.com"}, host: "a.account.example.com", path: "/", percent: 0.5, users: 4000,
		cases: []meaning{
			{"a.account.example.com", "/", request{"cookie": "try-new-account=always"}, "account-next"},
			{"b.account.example.com", "/me", request{"cookie": "a=b; try-new-account=always"}, "account-next"},
			{"a.account.example.com", "/", request{"cookie": "try-new-account=never"}, "account"},
			{"a.account.example.com", "/", request{"x-region": "de-BE"}, "account-next"},
			{"a.account.example.com", "/", request{"x-region": "at"}, "account-next"},
			{"a.account.example.com", "/", request{"x-region": "fr-de", "x-gray-id": "user-1"}, "account"}, // ^ is its start
			{"a.account.example.com", "/", request{"x-region": "de", "cookie": "try-new-account=never"}, "account-next"},
			{"a.account.example.com", "/", request{"x-region": "fr", "cookie": "try-new-account=always"}, "account-next"},
			{"a.account.example.com", "/", request{"x-gray-lane": "canary", "x-gray-id": "user-1"}, "account"},
			{"account.example.com", "/", request{"x-region": "de"}, "404"},
		},
	},
	{
		by: "weight", app: "web", stable: "web", next: "web-next", port: 8080,
		hosts: []any{"www.example.com", "example.com"}, host: "www.example.com", path: "/", percent: 5, users: 1000,
		cases: []meaning{
			{"www.example.com", "/", request{"x-new-web": "always"}, "web-next"},
			{"example.com", "/shop", request{"x-new-web": "always"}, "web-next"},
			{"www.example.com", "/", request{"x-new-web": "never"}, "web"},
			{"www.example.com", "/", request{"x-new-web": "yes", "x-gray-id": "user-1"}, "web"}, // neither word: by weight
			{"www.example.com", "/api/x", request{"x-new-web": "always"}, "api"},
			{"example.com", "/api/x", request{"x-new-web": "always"}, "web-next"},
			{"www.example.com", "/", request{"x-gray-lane": "canary", "x-gray-id": "user-1"}, "web"},
		},
	},
}

func TestACanaryOfIngressNginxMeansTheSameInTheMesh(t *testing.T) {
	for _, c := range canaries {
		t.Run(c.by, func(t *testing.T) {
			tally := &tally{began: figures.began}
			s := start(t, setting{
				flavour: "rendered WasmPlugin", tally: tally,
				extra: podsOfCanaries(func(name string) discovery.Workload {
					return discovery.Workload{Address: upstream.Start(t, name)}
				}),
				edit: func([]*manifest.Object) []*manifest.Object {
					// What is there and is not rendered anew stays as it is.
					return over(fixture(t, "imported.yaml"), c.render(t, module))
				},
			})
			s.means(c)
			s.keepsUsers(c)
			if c.percent > 0 {
				s.keepsClients(c)
			}
			if refused := s.gateway.Stat("", ".update_rejected"); refused != 0 {
				t.Errorf("the gateway refused %d updates", refused)
			}
			if tally.failed > 0 {
				t.Errorf("%d requests failed", tally.failed)
			}
			t.Logf("%d requests while a canary by %s carries traffic, %v, failures %d", tally.requests, c.by, tally.lanes, tally.failed)
			figures.add(tally)
		})
	}
}

// means sends each of the requests that the annotations speak of.
func (s *stage) means(c canary) {
	s.Helper()
	for _, m := range c.cases {
		if m.answers == "404" {
			// No Ingress has it, and nobody answers. It is no request that failed.
			if _, err := send(fresh, s.gatewayAt, m.host, m.sent.to(m.path)); !strings.HasPrefix(fmt.Sprint(err), m.answers) {
				s.Errorf("%s%s, %v: %v, not %s", m.host, m.path, m.sent, err, m.answers)
			}
		} else if got := s.ask(m.host, m.path, m.sent); got != m.answers {
			s.Errorf("%s%s, %v: %s answers, not %s", m.host, m.path, m.sent, got, m.answers)
		}
	}
}

// keepsUsers holds the canary to its share of users, each of whom stays, unless the header says another word.
func (s *stage) keepsUsers(c canary) {
	s.Helper()
	next, moved, overruled := 0, 0, 0
	for number := range c.users {
		user := fmt.Sprint("user-", number)
		first := s.ask(c.host, c.path, request{"x-gray-id": user})
		if s.ask(c.host, c.path, request{"x-gray-id": user}) != first {
			moved++
		}
		if first != c.next {
			continue
		}
		next++
		if c.by == "weight" && s.ask(c.host, c.path, request{"x-gray-id": user, "x-new-web": "never"}) == c.stable {
			overruled++
		}
	}
	share := float64(c.users) * c.percent / 100
	// Less than one salt in a thousand is outside of this.
	if off := float64(next) - share; off*off > 11*share {
		s.Errorf("%d of %d users come to %s, %.0f are expected", next, c.users, c.next, share)
	}
	if moved > 0 {
		s.Errorf("%d users were sent elsewhere by their second request", moved)
	}
	if c.by == "weight" && overruled != next {
		s.Errorf("of %d users of %s only %d can leave it by never", next, c.next, overruled)
	}
	s.Logf("%d of %d users come to %s", next, c.users, c.next)
}

// keepsClients sends as clients that bring nothing but the cookies that they were given: each stays where it was sent first.
func (s *stage) keepsClients(c canary) {
	s.Helper()
	ids, moved := map[string]bool{}, 0
	for range 100 {
		jar, err := cookiejar.New(nil)
		if err != nil {
			s.Fatal(err)
		}
		client := &http.Client{Jar: jar}
		first := s.lane(client, s.gatewayAt, c.host, request{}.to(c.path))
		for range 5 {
			answer, err := send(client, s.gatewayAt, c.host, request{}.to(c.path))
			s.tally.count(answer.Lane, err)
			if err != nil {
				s.Error(err)
			}
			if answer.Lane != first {
				moved++
			}
			ids[answer.Headers.Get("x-gray-id")] = true
		}
	}
	if moved > 0 {
		s.Errorf("%d requests were sent elsewhere than the first of their client", moved)
	}
	if len(ids) != 100 {
		s.Errorf("100 clients have %d ids", len(ids))
	}
}

// ask is who answers at the gateway.
func (s *stage) ask(host, path string, sent request) string {
	return s.lane(http.DefaultClient, s.gatewayAt, host, sent.to(path))
}

// render imports the canary and renders its policy, into the routes that are there. What the import cannot know is added
// to its facts: the module, the gateway, the hosts there, the Service of both lanes, and what tells their pods apart.
func (c canary) render(t *testing.T, module string) []*manifest.Object {
	t.Helper()
	from := c.imported(t)
	known := sources(t, module).facts
	from.facts["module"], from.facts["gateway"] = known["module"], known["gateway"]
	service := from.facts["services"].([]any)[0].(map[string]any)
	service["name"], service["port"], service["hosts"] = c.app+"-lanes", c.port, c.hosts
	lanes := service["lanes"].(map[string]any)
	for lane, version := range map[string]string{"stable": "v1", "canary": "v2"} {
		lanes[lane].(map[string]any)["labels"] = map[string]any{"version": version}
	}
	return from.render(t, "istio", "--existing", existing(t, routes(fixture(t, "imported.yaml"))))
}

// imported is what the tool makes of the manifest: a policy, and the facts that it knows.
func (c canary) imported(t *testing.T) origin {
	t.Helper()
	folder := t.TempDir()
	policy, facts := filepath.Join(folder, "policy.yaml"), filepath.Join(folder, "facts.yaml")
	file := filepath.Join(root, "examples/import/ingress-nginx-by-"+c.by+".yaml")
	// x-canary counts from any client there, and only so from any client here.
	told, err := exec.Command(graylane, "import", "ingress-nginx", file, "--trust-anybody", "-o", policy, "--facts", facts).CombinedOutput()
	if err != nil {
		t.Fatalf("%s is not imported: %v\n%s", file, err, told)
	}
	from := origin{policyFile: policy} // as it is written: to this reader of YAML the key `off` is no text
	text, err := os.ReadFile(facts)
	if err == nil {
		err = yaml.UnmarshalStrict(text, &from.facts)
	}
	if err != nil {
		t.Fatalf("%s: %v", facts, err)
	}
	return from
}

// podsOfCanaries is a pod behind each Service of fixtures/imported.yaml that has no other's.
func podsOfCanaries(start func(name string) discovery.Workload) (objects []*manifest.Object) {
	add := func(app, version, service string, more ...string) {
		pod := start(service)
		pod.App, pod.Version, pod.Namespace, pod.Services = app, version, "shop", append(more, service)
		objects = append(objects, pod.Objects()...)
	}
	for _, c := range canaries {
		add(c.app, "v1", c.stable, c.app+"-lanes")
		add(c.app, "v2", c.next, c.app+"-lanes")
	}
	add("api", "v1", "api")
	return objects
}

// routes is the VirtualServices and DestinationRules of objects.
func routes(objects []*manifest.Object) (found []*manifest.Object) {
	for _, object := range objects {
		if object.GetKind() == "VirtualService" || object.GetKind() == "DestinationRule" {
			found = append(found, object)
		}
	}
	return found
}

// over is the objects, where another of the same name does not take the place of one, and the others.
func over(objects, others []*manifest.Object) (all []*manifest.Object) {
	for _, object := range objects {
		if manifest.Find(others, object.GetKind(), object.GetName()) == nil {
			all = append(all, object)
		}
	}
	return append(all, others...)
}
