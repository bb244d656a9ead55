package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"graylane.test/cluster/eds"
	"graylane.test/cluster/envoy"
	"graylane.test/cluster/process"
)

// edge is the Envoy of kubernetes/envoy, with the bridge that feeds it.
type edge struct {
	entrance
	shop  *shop
	proxy *envoy.Proxy
	// The file from which it has the endpoints.
	endpoints string
}

// startEdge starts both, with free ports and folders of the test in the place of those that are written there.
func (s *shop) startEdge() *edge {
	s.Helper()
	folder, port := s.TempDir(), process.FreePorts(s.T, 1)[0]
	policy := strings.ReplaceAll(s.read("policy.yaml"), "/etc/graylane/graylane.wasm", module)
	if err := os.WriteFile(filepath.Join(folder, "policy.yaml"), []byte(policy), 0o600); err != nil {
		s.Fatal(err)
	}
	endpoints := filepath.Join(folder, "endpoints.json")
	bridge := process.Start(s.T, "lane-eds", nil, programs["lane-eds"], "-kubeconfig", s.Kubeconfig, "-namespace", namespace,
		"-selector", "app=user-svc,"+eds.LaneLabel, "-cluster", "user-svc", "-out", endpoints)
	bridge.Await("writes the endpoints", func() bool { _, err := os.Stat(endpoints); return err == nil })

	bootstrap := strings.NewReplacer("/etc/graylane/policy.yaml", filepath.Join(folder, "policy.yaml"),
		"/var/lib/graylane", folder, "port_value: 10000", "port_value: "+port, "port_value: 9901", "port_value: 0",
	).Replace(s.read("bootstrap.yaml"))
	at := "127.0.0.1:" + port
	return &edge{
		entrance: entrance{at: at, host: "user-svc.example.com", label: "track"}, shop: s, endpoints: endpoints,
		proxy: envoy.Start(s.T, programs["envoy"], "edge", bootstrap, at),
	}
}

func (s *shop) read(file string) string {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(root, "kubernetes/envoy", file))
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

// settle waits until Envoy has the endpoints that serve and do not end, and no other.
func (e *edge) settle() {
	e.shop.Helper()
	process.Await(e.shop.T, "Envoy has the endpoints of the lanes", func() bool {
		have := e.proxy.Endpoints("user-svc")
		slices.Sort(have)
		want := e.serving()
		return len(want) > 0 && slices.Equal(have, want)
	})
}

// awaitEndpoints waits until Envoy has so many endpoints.
func (e *edge) awaitEndpoints(what string, count int) {
	e.shop.Helper()
	var have []string
	defer func() {
		if e.shop.Failed() {
			e.shop.Logf("Envoy has %v, and of the slices was written:\n%s", have, read(e.shop.T, e.endpoints))
		}
	}()
	process.Await(e.shop.T, what, func() bool {
		have = e.proxy.Endpoints("user-svc")
		return len(have) == count
	})
}

// serving are the addresses of the pods that are ready and not about to end.
func (e *edge) serving() []string {
	e.shop.Helper()
	var found []string
	for _, pod := range e.shop.pods("app=user-svc") {
		if isServing(&pod) {
			found = append(found, pod.Status.PodIP+":8080")
		}
	}
	slices.Sort(found)
	return found
}

func TestAnEnvoyFedFromTheSlicesSendsEachRequestToItsLane(t *testing.T) {
	s := openShop(t)
	s.apply("base")
	e := s.startEdge()
	e.settle()
	e.expect(t, "canary", headers{"x-tester": "yes"})
	shares := map[string]int{}
	for user := range 500 {
		shares[e.lane(headers{"x-gray-id": fmt.Sprint("user-", user)})]++
	}
	t.Log(shares)
	// The policy asks for 20 % of the users; one pod of five is beside the point.
	if shares["canary"] < 60 || shares["canary"] > 140 || shares["stable"]+shares["canary"] != 500 {
		t.Error("about 100 of 500 users are expected in the canary lane, and the others in stable")
	}
}

func TestALaneHeaderOfAClientDoesNotChooseEndpoints(t *testing.T) {
	s := openShop(t)
	s.apply("base")
	e := s.startEdge()
	e.settle()
	spoofed := 0
	for user := range 200 {
		sent := headers{"x-gray-id": fmt.Sprint("user-", user)}
		honest := e.lane(sent)
		sent["x-gray-lane"] = "canary"
		if e.lane(sent) != honest {
			spoofed++
		}
	}
	if spoofed > 0 {
		t.Errorf("%d of 200 users chose their lane", spoofed)
	}
}

func TestEndpointsComeAndGoWithoutALostRequest(t *testing.T) {
	s := openShop(t)
	s.apply("base")
	e := s.startEdge()
	e.settle()
	load := startLoad(t, "endpoints come and go", e.entrance)
	change := func(what string, arguments ...string) {
		t.Helper()
		s.kubectl(arguments...)
		s.rollout()
		e.settle()
		load.pass(100)
		t.Log(what)
	}
	change("canary grows", "scale", "deployment/user-svc-canary", "--replicas=4")
	change("stable shrinks", "scale", "deployment/user-svc-stable", "--replicas=2")
	change("canary is replaced pod by pod", "rollout", "restart", "deployment/user-svc-canary")
	change("stable is replaced pod by pod", "rollout", "restart", "deployment/user-svc-stable")

	ends := s.podOf("stable")
	began := time.Now()
	s.kubectl("delete", "pod", ends.Name, "--wait=false")
	process.Await(t, "Envoy has lost the pod that ends", func() bool {
		return !slices.Contains(e.proxy.Endpoints("user-svc"), ends.Status.PodIP+":8080")
	})
	t.Logf("Envoy has lost a pod that ends %.2f s after it was told to", time.Since(began).Seconds())

	unready := s.podOf("canary").Name
	s.hold(unready, true)
	process.Await(t, "not ready", func() bool { return !s.conditions("user-svc-canary", unready).serving })
	e.settle()
	load.pass(100)
	s.hold(unready, false)
	e.settle()

	load.accept("stable")
	change("canary is empty: stable stands in", "scale", "deployment/user-svc-canary", "--replicas=0")
	e.expect(t, "stable", headers{"x-tester": "yes"})
	change("canary is back", "scale", "deployment/user-svc-canary", "--replicas=1")
	e.expect(t, "canary", headers{"x-tester": "yes"})
	load.accept("")
	load.pass(100)
	load.end()
	if refused := e.proxy.Rejected(); refused > 0 {
		t.Errorf("Envoy refused %d updates", refused)
	}
}

func TestTrafficGoesOnWithoutAnAPIServer(t *testing.T) {
	s := openShop(t)
	s.apply("base")
	e := s.startEdge()
	e.settle()
	s.Server.Kill()
	load := startLoad(t, "there is no API server", e.entrance)
	load.pass(400)
	load.end()
	if left := len(e.proxy.Endpoints("user-svc")); left != 5 {
		t.Errorf("Envoy has %d endpoints instead of 5", left)
	}
}

func TestASliceWrittenByHandCarriesTheLaneOfAServiceWithoutSelector(t *testing.T) {
	s := openShop(t)
	s.apply("overlays/no-selector")
	for _, address := range []string{"10.88.255.1", "10.88.255.2"} {
		s.apps.Outside(address, map[string]string{"track": "canary"})
	}
	e := s.startEdge()
	e.awaitEndpoints("Envoy has the machines outside", 6)
	e.expect(t, "canary", headers{"x-tester": "yes"})
	e.expect(t, "stable", headers{"x-gray-id": "user-0"})

	load := startLoad(t, "a machine outside is taken away", e.entrance)
	s.kubectl("patch", "endpointslice", "user-svc-canary-outside-1", "--type=json",
		`--patch=[{"op": "replace", "path": "/endpoints/0/conditions/serving", "value": false}]`)
	e.awaitEndpoints("one drains", 5)
	s.apps.Gone("10.88.255.1")
	load.pass(200)
	load.end()
	if slice := s.slices("user-svc-canary-outside")[0]; slice.Labels[eds.LaneLabel] != "canary" {
		t.Errorf("the lane of the slice is %q", slice.Labels[eds.LaneLabel])
	}
}
