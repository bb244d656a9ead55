// Package agent stands between an Envoy and the discovery server, as Istio's agent does in every pod.
//
// What it does with a module is done by the code of Istio's agent: it fetches an image from its registry into a cache, and
// hands Envoy a file; where it cannot, it hands it a filter in place of the module. Of the agent's own program nothing else
// is here, neither certificates nor probes: it keeps its cache in a folder of the system, which is not for tests to write to.
package agent

import (
	"net"
	"sync"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"istio.io/istio/pkg/model"
	"istio.io/istio/pkg/wasm"
)

// agent is one of one proxy.
type agent struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	server discovery.AggregatedDiscoveryServiceClient
	cache  wasm.Cache
}

// Start runs an agent until the test ends, and returns where its Envoy finds it.
func Start(t testing.TB, server *net.TCPAddr) *net.TCPAddr {
	t.Helper()
	connection, err := grpc.NewClient(server.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cache := wasm.NewLocalFileCache(t.TempDir(), wasm.Options{})
	service := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(service, &agent{
		server: discovery.NewAggregatedDiscoveryServiceClient(connection), cache: cache,
	})
	go service.Serve(listener)
	t.Cleanup(func() {
		service.Stop()
		connection.Close()
		cache.Cleanup()
	})
	return listener.Addr().(*net.TCPAddr)
}

// StreamAggregatedResources passes on what Envoy asks for and what it is told, until either side ends.
func (a *agent) StreamAggregatedResources(envoy discovery.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	server, err := a.server.StreamAggregatedResources(envoy.Context())
	if err != nil {
		return err
	}
	go func() {
		for {
			request, err := envoy.Recv()
			if err != nil || server.Send(request) != nil {
				server.CloseSend()
				return
			}
		}
	}()
	answers := answers{envoy: envoy, failed: make(chan error, 1)}
	for {
		answer, err := server.Recv()
		if err != nil {
			return err
		}
		if answer.TypeUrl == model.ExtensionConfigurationType {
			go a.convert(answer, &answers) // the rest does not wait for a registry
			continue
		}
		answers.send(answer)
		select {
		case err := <-answers.failed:
			return err
		default:
		}
	}
}

// convert puts files in place of images.
func (a *agent) convert(answer *discovery.DiscoveryResponse, answers *answers) {
	if err := wasm.MaybeConvertWasmExtensionConfig(answer.Resources, a.cache); err != nil {
		answers.fail(err)
		return
	}
	answers.send(answer)
}

// answers go to Envoy one after the other.
type answers struct {
	sync.Mutex
	envoy  discovery.AggregatedDiscoveryService_StreamAggregatedResourcesServer
	failed chan error
}

func (a *answers) send(answer *discovery.DiscoveryResponse) {
	a.Lock()
	defer a.Unlock()
	if err := a.envoy.Send(answer); err != nil {
		a.fail(err)
	}
}

// fail ends the stream.
func (a *answers) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}
