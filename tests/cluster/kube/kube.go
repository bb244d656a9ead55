// Package kube runs a Kubernetes cluster of real parts without containers: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler, and kwok in the place of kubelets.
package kube

import (
	_ "embed"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"graylane.test/cluster/process"
)

// PodRange holds the addresses that pods get, ServiceRange those of services. An EndpointSlice takes no address of 127/8.
const (
	PodRange     = "10.88.0.0/16"
	ServiceRange = "10.96.0.0/16"
)

//go:embed stages.yaml
var stages []byte

//go:embed nodes.yaml
var nodes []byte

// Cluster runs until its test ends.
type Cluster struct {
	Kubeconfig string
	Client     *kubernetes.Clientset

	// The kube-apiserver, for tests that take it away.
	Server *process.Process

	t       testing.TB
	program string
	folder  string
}

// Start starts a cluster on free ports of loopback, and waits until its nodes are ready. The program is controlplane.
func Start(t testing.TB, program string) *Cluster {
	t.Helper()
	began := time.Now()
	c := &Cluster{t: t, program: program, folder: t.TempDir()}
	ports := process.FreePorts(t, 4)
	etcd, peer, api, kwok := ports[0], ports[1], ports[2], ports[3]
	c.writePKI(api)
	c.connect()
	c.startEtcd(etcd, peer)
	c.startAPIServer(etcd, api)
	c.startControllers()
	c.startKwok(kwok)
	process.Await(t, "the ServiceAccount of namespace default", func() bool {
		_, err := c.TryKubectl("get", "serviceaccount", "default", "--namespace=default")
		return err == nil
	})
	c.Kubectl("apply", "--filename="+c.write("nodes.yaml", nodes))
	c.Kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
	t.Logf("cluster up in %.1f s", time.Since(began).Seconds())
	return c
}

// component starts one that asks the API server for everything.
func (c *Cluster) component(name string, flags ...string) *process.Process {
	return process.Start(c.t, name, nil, c.program, append([]string{name}, flags...)...)
}

func (c *Cluster) startEtcd(client, peer string) {
	client, peer = "http://127.0.0.1:"+client, "http://127.0.0.1:"+peer
	c.component("etcd", "--data-dir="+filepath.Join(c.folder, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
}

func (c *Cluster) startAPIServer(etcd, port string) {
	c.Server = c.component("kube-apiserver", "--etcd-servers=http://127.0.0.1:"+etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+port,
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range="+ServiceRange,
		"--tls-cert-file="+c.pki("apiserver.crt"), "--tls-private-key-file="+c.pki("apiserver.key"),
		"--client-ca-file="+c.pki("ca.crt"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.pki("accounts.pub"), "--service-account-signing-key-file="+c.pki("accounts.key"),
		"--profiling=false", "--max-requests-inflight=800")
	c.Server.Await("ready", func() bool {
		_, err := c.Client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(c.t.Context())
		return err == nil
	})
}

// startControllers starts the controllers that the tests are about, or that others need, and the scheduler.
func (c *Cluster) startControllers() {
	common := []string{"--leader-elect=false", "--secure-port=0", "--kube-api-qps=500", "--kube-api-burst=500"}
	c.component("kube-controller-manager", append(common, "--kubeconfig="+c.kubeconfig("kube-controller-manager"),
		"--service-account-private-key-file="+c.pki("accounts.key"), "--root-ca-file="+c.pki("ca.crt"),
		"--use-service-account-credentials=true",
		"--controllers=deployment-controller,replicaset-controller,endpointslice-controller,"+
			"namespace-controller,garbage-collector-controller,serviceaccount-controller,serviceaccount-token-controller,"+
			"root-ca-certificate-publisher-controller,node-lifecycle-controller,taint-eviction-controller,"+
			"disruption-controller,pod-garbage-collector-controller,clusterrole-aggregation-controller")...)
	c.component("kube-scheduler", append(common, "--kubeconfig="+c.kubeconfig("kube-scheduler"))...)
}

func (c *Cluster) startKwok(port string) {
	c.component("kwok", "--kubeconfig="+c.kubeconfig("kwok"), "--manage-all-nodes=true", "--cidr="+PodRange,
		"--server-address=127.0.0.1:"+port, "--node-lease-duration-seconds=40", "--config="+c.write("stages.yaml", stages))
}

// connect makes the client of the cluster's administrator.
func (c *Cluster) connect() {
	c.Kubeconfig = c.kubeconfig("admin")
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err == nil {
		config.QPS, config.Burst = 500, 500
		c.Client, err = kubernetes.NewForConfig(config)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cluster) write(name string, text []byte) string {
	path := filepath.Join(c.folder, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}
