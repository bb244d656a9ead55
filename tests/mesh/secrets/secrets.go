// Package secrets gives proxies certificates, as the certificate authority of a mesh and the agents in its pods do: signed by
// code of Istio's authority, and served to Envoy under the names by which Istio has it ask.
package secrets

import (
	"net"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/pki/util"
)

// Authority is the certificate authority of one mesh.
type Authority struct {
	t         testing.TB
	root, key []byte // PEM
}

// lifetime of certificates: longer than a test.
const lifetime = time.Hour

// NewAuthority makes one, with a root of its own.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t}
	a.root, a.key = a.generate(util.CertOptions{IsCA: true, IsSelfSigned: true, Org: "mesh"})
	return a
}

// Identity is the name of the pods of a namespace.
func Identity(namespace string) string {
	return "spiffe://cluster.local/ns/" + namespace + "/sa/default"
}

// Serve serves a proxy of that identity until the test ends, and returns where its Envoy finds its secrets.
func (a *Authority) Serve(identity string) *net.TCPAddr {
	a.t.Helper()
	signer, err := util.ParsePemEncodedCertificate(a.root)
	if err != nil {
		a.t.Fatal(err)
	}
	key, err := util.ParsePemEncodedKey(a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, private := a.generate(util.CertOptions{
		Host: identity, SignerCert: signer, SignerPriv: key, IsClient: true, IsServer: true,
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		a.t.Fatal(err)
	}
	service := grpc.NewServer()
	secret.RegisterSecretDiscoveryServiceServer(service, &server{secrets: map[string]*tls.Secret{
		security.WorkloadKeyCertResourceName: {Type: &tls.Secret_TlsCertificate{TlsCertificate: &tls.TlsCertificate{
			CertificateChain: inline(certificate), PrivateKey: inline(private),
		}}},
		security.RootCertReqResourceName: {Type: &tls.Secret_ValidationContext{ValidationContext: &tls.CertificateValidationContext{
			TrustedCa: inline(a.root),
		}}},
	}})
	go service.Serve(listener)
	a.t.Cleanup(service.Stop)
	return listener.Addr().(*net.TCPAddr)
}

func (a *Authority) generate(options util.CertOptions) (certificate, key []byte) {
	a.t.Helper()
	options.NotBefore, options.TTL = time.Now().Add(-time.Minute), lifetime
	options.ECSigAlg, options.ECCCurve = util.EcdsaSigAlg, util.P256Curve
	certificate, key, err := util.GenCertKeyFromOptions(options)
	if err != nil {
		a.t.Fatal(err)
	}
	return certificate, key
}

func inline(pem []byte) *core.DataSource {
	return &core.DataSource{Specifier: &core.DataSource_InlineBytes{InlineBytes: pem}}
}

// server has the secrets of one proxy.
type server struct {
	secret.UnimplementedSecretDiscoveryServiceServer
	secrets map[string]*tls.Secret
}

// StreamSecrets answers what is asked for the first time. Nothing is renewed.
func (s *server) StreamSecrets(stream secret.SecretDiscoveryService_StreamSecretsServer) error {
	for {
		asked, err := stream.Recv()
		if err != nil {
			return err
		}
		if asked.ResponseNonce != "" {
			continue // it has taken an answer
		}
		answer := &discovery.DiscoveryResponse{TypeUrl: asked.TypeUrl, VersionInfo: "1", Nonce: "1"}
		for _, name := range asked.ResourceNames {
			found, ok := s.secrets[name]
			if !ok {
				continue // Envoy waits for it, and the test tells
			}
			named := proto.Clone(found).(*tls.Secret)
			named.Name = name
			packed, err := anypb.New(named)
			if err != nil {
				return err
			}
			answer.Resources = append(answer.Resources, packed)
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}
