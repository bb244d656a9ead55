package mesh

import (
	"bytes"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"

	"graylane.test/mesh/agent"
	"graylane.test/mesh/discovery"
	"graylane.test/mesh/envoy"
	"graylane.test/mesh/manifest"
	"graylane.test/mesh/secrets"
	"graylane.test/mesh/upstream"
)

// setting says what a stage is to be like.
type setting struct {
	flavour string
	// Changes what is applied before it is.
	edit func([]*manifest.Object) []*manifest.Object
	// What else is in the cluster.
	extra []*manifest.Object
	// The client's sidecar knows the collector of OpenTelemetry too, as it does where no Sidecar says what it knows.
	knowsCollector bool
	// Where the module is; that which was built, where it says nothing.
	module string
	// Counts what is sent; that of the summary, where it says nothing.
	tally *tally
	// The metrics that proxies keep, by what their names begin with; all, where it says nothing.
	keptStats []string
	// Pods of user-svc have sidecars of their own, for what comes in.
	inbound bool
	// Gateway and client have agents, which fetch modules from registries.
	agent bool
	// All proxies have certificates, and those of user-svc take nothing without one.
	mutualTLS bool
}

// stage is a small mesh: two lanes of user-svc, Istio's discovery server, a gateway, and the sidecar of a client.
type stage struct {
	*testing.T
	objects   []*manifest.Object // those of istio/, as applied
	discovery *discovery.Server
	gateway   *envoy.Proxy
	client    *envoy.Proxy
	inbound   []*envoy.Proxy
	podsAt    []string // where the sidecars of user-svc listen
	tally     *tally
	// Where gateway and client listen.
	gatewayAt, clientAt string
}

// start sets the stage.
func start(t *testing.T, setting setting) *stage {
	t.Helper()
	began := time.Now()
	flavour := flavourOf(t, setting.flavour)
	if setting.module == "" {
		setting.module = module
	}
	if setting.tally == nil {
		setting.tally = &figures
	}
	s := &stage{T: t, objects: build(t, flavour, setting.module), tally: setting.tally}
	if setting.edit != nil {
		s.objects = setting.edit(s.objects)
	}
	port, address := envoy.FreePort(t), envoy.FreeAddress(t, 8080)
	s.gatewayAt = "127.0.0.1:" + strconv.Itoa(port)
	s.clientAt = address + ":8080"

	secretsOf := func(string) *net.TCPAddr { return nil }
	if setting.mutualTLS {
		authority := secrets.NewAuthority(t)
		secretsOf = func(namespace string) *net.TCPAddr { return authority.Serve(secrets.Identity(namespace)) }
	}
	cluster := append(shop(t, setting.mutualTLS), setting.extra...)
	cluster = append(cluster, gatewayFixture(t, flavour, port)...)
	var others []any
	if setting.knowsCollector {
		others = append(others, egress(address, 4317, "GRPC", "observability/*"))
	}
	cluster = append(cluster, sidecarOut("front", address, others...))
	pods := s.pods(setting)
	for _, pod := range pods {
		cluster = append(cluster, pod.objects...)
	}
	s.discovery = discovery.Start(t, append(cluster, s.objects...), setting.meshConfig(flavour.change(t)))
	for _, pod := range pods {
		if pod.node.Name != "" {
			pod.node.Secrets = secretsOf("shop")
			s.podsAt = append(s.podsAt, pod.at)
			s.inbound = append(s.inbound, envoy.Start(t, binary, s.discovery.Address(), pod.node, pod.at))
		}
	}
	server := s.discovery.Address
	if setting.agent {
		server = func() *net.TCPAddr { return agent.Start(t, s.discovery.Address()) }
	}
	s.gateway = envoy.Start(t, binary, server(), envoy.Node{
		Router: true, Name: "ingress-0", Namespace: "istio-ingress", IP: "127.0.0.1", KeptStats: setting.keptStats, Secrets: secretsOf("istio-ingress"),
		Labels: map[string]string{"istio": "ingress", "gateway.networking.k8s.io/gateway-name": "ingress"},
	}, s.gatewayAt)
	s.client = envoy.Start(t, binary, server(), envoy.Node{
		Name: "front-0", Namespace: "shop", IP: address, KeptStats: setting.keptStats, Secrets: secretsOf("shop"),
		Labels: map[string]string{"app": "front"},
	}, s.clientAt)
	t.Logf("set up in %.1f s", time.Since(began).Seconds())
	return s
}

// gatewayFixture is the gateway's objects, with the port that it is to listen on.
func gatewayFixture(t *testing.T, flavour flavour, port int) []*manifest.Object {
	t.Helper()
	file := "fixtures/gateway.yaml"
	if flavour.gatewayAPI {
		file = "fixtures/gateway-api.yaml"
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Parse(bytes.ReplaceAll(text, []byte("${PORT}"), []byte(strconv.Itoa(port))))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// shop is what a cluster has without graylane, with mutual TLS or without.
func shop(t *testing.T, mutualTLS bool) []*manifest.Object {
	t.Helper()
	objects := fixture(t, "shop.yaml")
	if mutualTLS {
		plain := manifest.Find(objects, "PeerAuthentication", "plain")
		plain.Object["spec"] = map[string]any{"mtls": map[string]any{"mode": "STRICT"}}
	}
	return objects
}

// meshConfig is how the mesh's configuration is changed: by what a flavour asks of it, and by the setting.
func (s setting) meshConfig(change func(*meshconfig.MeshConfig)) func(*meshconfig.MeshConfig) {
	return func(config *meshconfig.MeshConfig) {
		config.EnableAutoMtls = wrapperspb.Bool(s.mutualTLS) // without an authority Envoy would wait for certificates
		if change != nil {
			change(config)
		}
	}
}

// pod is one of user-svc, with the sidecar that it has where its node has a name.
type pod struct {
	objects []*manifest.Object
	node    envoy.Node
	at      string
}

// pods starts the lanes of user-svc. Those with a sidecar are reached through it.
func (s *stage) pods(setting setting) []pod {
	s.Helper()
	var pods []pod
	for version, lane := range map[string]string{"v1": "stable", "v2": "v2"} {
		if !setting.inbound {
			app := userSvc(version, lane, upstream.Start(s.T, lane))
			pods = append(pods, pod{objects: app.Objects()})
			continue
		}
		at := upstream.FreeAddress(s.T)
		app := userSvc(version, lane, at)
		app.MutualTLS = setting.mutualTLS
		pods = append(pods, pod{
			objects: append(app.Objects(), sidecarIn("user-svc", version, at, upstream.StartBehindSidecar(s.T, lane))),
			node: envoy.Node{
				Name: "user-svc-" + version, Namespace: "shop", IP: at.IP.String(),
				Labels: map[string]string{"app": "user-svc", "version": version},
			},
			at: at.String(),
		})
	}
	return pods
}

// userSvc is a pod of user-svc.
func userSvc(version, lane string, at *net.TCPAddr) discovery.Workload {
	return discovery.Workload{
		App: "user-svc", Version: version, Namespace: "shop", Address: at, Services: []string{"user-svc", "user-svc-" + lane},
	}
}
