// Package pods answers HTTP in the place of the pods of a cluster that runs no containers.
package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Port is the port that every pod serves.
const Port = "8080"

// reusePort is SO_REUSEPORT of Linux, which Go's own list lacks: Envoy sets it too.
const reusePort = 0xf

// Answer is what a pod says: who it is, and what it was sent.
type Answer struct {
	Pod     string            `json:"pod"`
	Labels  map[string]string `json:"labels"`
	Headers http.Header       `json:"headers"`
}

// Apps are the programs in the pods, by the addresses of these.
type Apps struct {
	sync.RWMutex
	pods   map[string]*core.Pod
	shared []string // addresses that two pods had at once, each with the names of both
}

// Serve answers for every pod of the cluster at its own address, from when it runs until it is gone, as long as the test
// lasts. Where there is no pod (any more), connections break.
func Serve(t testing.TB, client kubernetes.Interface) *Apps {
	t.Helper()
	a := &Apps{pods: map[string]*core.Pod{}}
	factory := informers.NewSharedInformerFactory(client, 0)
	factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(pod any) { a.add(pod.(*core.Pod)) },
		UpdateFunc: func(_, pod any) { a.add(pod.(*core.Pod)) },
		DeleteFunc: a.remove,
	})
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	// All addresses: the network has none but those of pods and services. The sidecar of a pod may listen on one of them besides.
	shared := net.ListenConfig{Control: func(_, _ string, connection syscall.RawConn) (err error) {
		told := connection.Control(func(socket uintptr) {
			err = syscall.SetsockoptInt(int(socket), syscall.SOL_SOCKET, reusePort, 1)
		})
		return errors.Join(told, err)
	}}
	listener, err := shared.Listen(t.Context(), "tcp4", "0.0.0.0:"+Port)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: a}
	go server.Serve(listener)
	t.Cleanup(func() {
		server.Close()
		a.RLock()
		defer a.RUnlock()
		for _, address := range a.shared {
			t.Errorf("the cluster has given one address to two pods: %s", address)
		}
	})
	return a
}

// Outside adds a machine that is no pod of the cluster.
func (a *Apps) Outside(address string, labels map[string]string) {
	machine := &core.Pod{}
	machine.Name, machine.Labels, machine.Status.PodIP = address, labels, address
	a.add(machine)
}

// Gone takes away the machine of an address.
func (a *Apps) Gone(address string) {
	a.Lock()
	defer a.Unlock()
	delete(a.pods, address)
}

func (a *Apps) add(pod *core.Pod) {
	if pod.Status.PodIP != "" && !pod.Spec.HostNetwork {
		a.Lock()
		defer a.Unlock()
		address := pod.Status.PodIP
		if other := a.pods[address]; other != nil && other.UID != "" && other.UID != pod.UID {
			a.shared = append(a.shared, fmt.Sprintf("%s to %s and %s", address, other.Name, pod.Name))
		}
		a.pods[address] = pod
	}
}

func (a *Apps) remove(gone any) {
	if last, ok := gone.(cache.DeletedFinalStateUnknown); ok {
		gone = last.Obj
	}
	pod := gone.(*core.Pod)
	a.Lock()
	defer a.Unlock()
	// Another pod may have got the address.
	if now := a.pods[pod.Status.PodIP]; now != nil && now.UID == pod.UID {
		delete(a.pods, pod.Status.PodIP)
	}
}

func (a *Apps) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).IP.String()
	a.RLock()
	pod := a.pods[address]
	a.RUnlock()
	if pod == nil {
		panic(http.ErrAbortHandler) // breaks the connection
	}
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(Answer{Pod: pod.Name, Labels: pod.Labels, Headers: r.Header})
}
