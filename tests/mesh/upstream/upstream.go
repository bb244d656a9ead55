// Package upstream runs HTTP services that answer with who they are and what they were sent.
package upstream

import (
	"encoding/json"
	"fmt"
	"io"
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
func Start(t testing.TB, lane string) *net.TCPAddr { return serve(t, Listen(t), says(lane)) }

// StartBehindSidecar runs one on 127.0.0.1, where alone a sidecar looks for the app of its pod.
func StartBehindSidecar(t testing.TB, lane string) *net.TCPAddr {
	t.Helper()
	return serve(t, listenOn(t, "127.0.0.1"), says(lane))
}

// StartHandler runs a handler on a loopback address of its own until the test ends.
func StartHandler(t testing.TB, handler http.HandlerFunc) *net.TCPAddr {
	return serve(t, Listen(t), handler)
}

// serve runs a handler until the test ends.
func serve(t testing.TB, listener net.Listener, handler http.Handler) *net.TCPAddr {
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return listener.Addr().(*net.TCPAddr)
}

// Hold is the header of a request that is not answered: the service waits until whoever asks gives up.
const Hold = "x-hold"

func says(lane string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only after it can the server see that somebody gives up
		if r.Header.Get(Hold) != "" {
			<-r.Context().Done()
			return
		}
		Write(w, Answer{Lane: lane, Headers: r.Header})
	}
}

// Write answers a request.
func Write(w http.ResponseWriter, answer Answer) {
	w.Header().Set("content-type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// FreeAddress is a loopback address of its own, with a port on which nobody listens.
func FreeAddress(t testing.TB) *net.TCPAddr {
	t.Helper()
	listener := Listen(t)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr)
}

// Listen listens on a loopback address that no other pod has.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	number := pods.Add(1)
	return listenOn(t, fmt.Sprintf("127.88.%d.%d", number/250, number%250+1))
}

func listenOn(t testing.TB, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	return listener
}
