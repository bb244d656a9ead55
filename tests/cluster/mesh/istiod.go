// Package mesh runs Istio's control plane, and Envoys that are proxies of its mesh.
package mesh

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"graylane.test/cluster/process"
)

// Istiod is Istio's control plane, which reads everything from an API server.
type Istiod struct {
	// Where proxies find it.
	Port string
}

// environment: Envoy as it comes from its makers lacks Istio's own filters, and no certificates are given out.
var environment = []string{
	"PILOT_ENABLE_ALPN_FILTER=false", "PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_DISABLE_MX_ALPN=true",
	"POD_NAMESPACE=istio-system", "POD_NAME=istiod-0", "PILOT_CERT_PROVIDER=none", "ENABLE_CA_SERVER=false",
	"INJECTION_WEBHOOK_CONFIG_NAME=", "VALIDATION_WEBHOOK_CONFIG_NAME=",
}

// StartIstiod starts it on free ports and waits until it is ready.
func StartIstiod(t testing.TB, program, kubeconfig, meshConfig string) *Istiod {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mesh.yaml")
	if err := os.WriteFile(file, []byte(meshConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	ports := process.FreePorts(t, 3)
	discovery, ready, monitoring := ports[0], ports[1], ports[2]
	istiod := process.Start(t, "istiod", environment, program, "discovery",
		"--kubeconfig="+kubeconfig, "--meshConfig="+file, "--clusterID=Kubernetes",
		"--grpcAddr=127.0.0.1:"+discovery, "--httpAddr=127.0.0.1:"+ready, "--monitoringAddr=127.0.0.1:"+monitoring,
		"--secureGRPCAddr=", "--httpsAddr=", "--ctrlz_address=127.0.0.1", "--ctrlz_port=0")
	istiod.Await("ready", func() bool {
		answer, err := http.Get("http://127.0.0.1:" + ready + "/ready")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return &Istiod{Port: discovery}
}
