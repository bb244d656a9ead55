// Package discovery runs Istio's discovery server on a loopback port, with manifests that can be edited while it serves.
//
// It is the server that Istio tests itself with: production code for everything that proxies are sent, with Kubernetes' API
// replaced by objects in memory.
package discovery

import (
	"fmt"
	"net"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"google.golang.org/protobuf/types/known/wrapperspb"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/controllers"
	"istio.io/istio/pkg/kube/kclient/clienttest"
	"istio.io/istio/pkg/test"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"graylane.test/mesh/apiserver"
	"graylane.test/mesh/manifest"
)

// Environment is what Istio reads from the environment when a process starts, before main. Envoy as it comes from its
// makers has none of these extensions.
var Environment = map[string]string{
	"PILOT_ENABLE_ALPN_FILTER":       "false",
	"PILOT_ENABLE_METADATA_EXCHANGE": "false",
	"PILOT_DISABLE_MX_ALPN":          "true",
}

// Server is a discovery server that runs until its test ends.
type Server struct {
	t    test.Failer
	fake *xds.FakeDiscoveryServer
}

// Start serves the objects. Mesh changes the mesh configuration where it is not nil.
func Start(t test.Failer, objects []*manifest.Object, change func(*meshconfig.MeshConfig)) *Server {
	t.Helper()
	var kubernetes []runtime.Object
	var configs []config.Config
	for _, object := range objects {
		admit(t, object)
		if manifest.IsIstio(object) {
			configs = append(configs, istioConfig(t, object))
		} else {
			kubernetes = append(kubernetes, kubeObject(t, object))
		}
	}
	settings := meshConfig()
	if change != nil {
		change(settings)
	}
	// Istio makes the log of the mesh's configuration once in a process, and anew when that changes.
	(&core.ConfigGeneratorImpl{}).MeshConfigChanged(settings)
	fake := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		KubernetesObjects: kubernetes,
		Configs:           configs,
		MeshConfig:        settings,
		ListenerBuilder:   func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") },
	})
	return &Server{t: t, fake: fake}
}

// Address is where proxies find it.
func (s *Server) Address() *net.TCPAddr { return s.fake.Listener.Addr().(*net.TCPAddr) }

// Listeners is what a proxy would be sent to listen with, as text.
func (s *Server) Listeners(proxy *model.Proxy) string {
	proxy.ID = "proxy." + proxy.ConfigNamespace
	proxy.IPAddresses = []string{"127.0.0.1"}
	proxy.Metadata = &model.NodeMetadata{Namespace: proxy.ConfigNamespace, Labels: proxy.Labels, ClusterID: "Kubernetes"}
	return fmt.Sprint(s.fake.Listeners(s.fake.SetupProxy(proxy)))
}

// Apply creates objects, or replaces those that are there.
func (s *Server) Apply(objects ...*manifest.Object) {
	s.t.Helper()
	for _, object := range objects {
		admit(s.t, object)
		if !manifest.IsIstio(object) {
			s.write(kubeObject(s.t, object), false)
			continue
		}
		wanted := istioConfig(s.t, object)
		store := s.fake.Store()
		write := store.Update
		if store.Get(wanted.GroupVersionKind, wanted.Name, wanted.Namespace) == nil {
			write = store.Create
		}
		if _, err := write(wanted); err != nil {
			s.t.Fatalf("apply %s: %v", manifest.Name(object), err)
		}
	}
}

// Delete removes objects.
func (s *Server) Delete(objects ...*manifest.Object) {
	s.t.Helper()
	for _, object := range objects {
		if !manifest.IsIstio(object) {
			s.write(kubeObject(s.t, object), true)
			continue
		}
		unwanted := istioConfig(s.t, object)
		if err := s.fake.Store().Delete(unwanted.GroupVersionKind, unwanted.Name, unwanted.Namespace, nil); err != nil {
			s.t.Fatalf("delete %s: %v", manifest.Name(object), err)
		}
	}
}

func (s *Server) write(object runtime.Object, remove bool) {
	s.t.Helper()
	switch object := object.(type) {
	case *corev1.Service:
		write(s, object, remove)
	case *corev1.Pod:
		write(s, object, remove)
	case *discoveryv1.EndpointSlice:
		write(s, object, remove)
	case *appsv1.Deployment:
		write(s, object, remove)
	case *gatewayv1.HTTPRoute:
		write(s, object, remove)
	default:
		s.t.Fatalf("discovery: cannot write a %T while the server runs; name its type here", object)
	}
}

func write[T controllers.ComparableObject](s *Server, object T, remove bool) {
	writer := clienttest.NewWriter[T](s.t, s.fake.KubeClient())
	if remove {
		writer.Delete(object.GetName(), object.GetNamespace())
	} else {
		writer.CreateOrUpdate(object)
	}
}

func meshConfig() *meshconfig.MeshConfig {
	settings := mesh.DefaultMeshConfig()
	settings.DefaultProviders = &meshconfig.MeshConfig_DefaultProviders{} // or each proxy gets istio.stats, which Envoy has not
	settings.EnableAutoMtls = wrapperspb.Bool(false)                      // or Envoy waits for certificates, which it may not have
	settings.AccessLogFile = ""
	return settings
}

// admit does what stands between who applies an object and who reads it.
func admit(t test.Failer, object *manifest.Object) {
	t.Helper()
	if _, err := apiserver.Admit(object); err != nil {
		t.Fatalf("%s is refused: %v", manifest.Name(object), err)
	}
}

func istioConfig(t test.Failer, object *manifest.Object) config.Config {
	t.Helper()
	configs, _, err := crd.ParseInputs(manifest.YAML(object))
	if err != nil {
		t.Fatalf("%s: %v", manifest.Name(object), err)
	}
	if len(configs) != 1 {
		t.Fatalf("%s: Istio knows no such kind", manifest.Name(object))
	}
	configs[0].Domain = "cluster.local" // what completes the short names of services
	return configs[0]
}

func kubeObject(t test.Failer, object *manifest.Object) runtime.Object {
	t.Helper()
	decoded, _, err := kube.IstioCodec.UniversalDeserializer().Decode([]byte(manifest.YAML(object)), nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", manifest.Name(object), err)
	}
	return decoded
}
