// Package upstream runs HTTP services that answer with who they are and what they were sent.
package upstream

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
)

// Answer is what a service says.
type Answer struct {
	Lane    string      `json:"lane"`
	Headers http.Header `json:"headers"`
}

// pods counts the addresses that are given out: Istio tells pods apart by their address.
var pods atomic.Uint32

// Start runs a service on a loopback address of its own until the test ends.
func Start(t testing.TB, lane string) *net.TCPAddr {
	return Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Write(w, Answer{Lane: lane, Headers: r.Header})
	}))
}

// Serve runs a handler on a loopback address of its own until the test ends.
func Serve(t testing.TB, handler http.Handler) *net.TCPAddr {
	t.Helper()
	listener := listen(t)
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return listener.Addr().(*net.TCPAddr)
}

// Write answers a request.
func Write(w http.ResponseWriter, answer Answer) {
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// FreeAddress is a loopback address of its own, with a port on which nobody listens.
func FreeAddress(t testing.TB) *net.TCPAddr {
	t.Helper()
	listener := listen(t)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	number := pods.Add(1)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.88.%d.%d:0", number/250, number%250+1))
	if err != nil {
		t.Fatal(err)
	}
	return listener
}
