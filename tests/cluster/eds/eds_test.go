package eds

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAnEndpointCountsWhenItServesAndIsNotTerminating(t *testing.T) {
	yes, no := ptr(true), ptr(false)
	for _, one := range []struct {
		serving, terminating, ready *bool
		counts                      bool
	}{
		{yes, no, yes, true},
		{yes, no, no, true},
		{no, no, yes, false}, // not-ready addresses are published
		{no, no, no, false},
		{yes, yes, no, false}, // it drains
		{no, yes, no, false},
		{nil, nil, yes, true}, // who writes slices by hand may leave them out
		{nil, nil, no, false},
		{nil, nil, nil, true},
	} {
		conditions := discovery.EndpointConditions{Serving: one.serving, Terminating: one.terminating, Ready: one.ready}
		if Counts(conditions) != one.counts {
			text, _ := json.Marshal(conditions)
			t.Errorf("%s: counts %v", text, !one.counts)
		}
	}
}

func TestEachEndpointCarriesTheLaneOfItsSliceOnce(t *testing.T) {
	stable, canary := slice("stable", 8080, "10.88.0.2", "10.88.0.1"), slice("canary", 8080, "10.88.0.3")
	moved := slice("stable", 8080, "10.88.0.1")
	got := lanes(t, stable, canary, moved)
	want := []string{"10.88.0.3:8080 canary", "10.88.0.1:8080 stable", "10.88.0.2:8080 stable"}
	if !slices.Equal(got, want) {
		t.Errorf("%q instead of %q", got, want)
	}
}

func TestThePortOfThatNameIsTaken(t *testing.T) {
	one := slice("stable", 8080, "10.88.0.1")
	one.Ports = append(one.Ports, discovery.EndpointPort{Name: ptr("metrics"), Port: ptr(int32(9090))})
	if got := lanes(t, one); !slices.Equal(got, []string{"10.88.0.1:8080 stable"}) {
		t.Errorf("%q", got)
	}
}

func TestNoSlicesAreAnAssignmentWithoutEndpoints(t *testing.T) {
	if got := lanes(t); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func ptr[T any](value T) *T { return &value }

func slice(lane string, port int32, addresses ...string) *discovery.EndpointSlice {
	one := &discovery.EndpointSlice{
		ObjectMeta: meta.ObjectMeta{Labels: map[string]string{LaneLabel: lane}},
		Ports:      []discovery.EndpointPort{{Name: ptr("http"), Port: &port}},
	}
	for _, address := range addresses {
		one.Endpoints = append(one.Endpoints, discovery.Endpoint{Addresses: []string{address}})
	}
	return one
}

// lanes reads what was written, as Envoy would.
func lanes(t *testing.T, all ...*discovery.EndpointSlice) []string {
	t.Helper()
	text, err := Response("user-svc", "http", all)
	if err != nil {
		t.Fatal(err)
	}
	var response struct {
		Resources []struct {
			Endpoints []struct {
				Lb []struct {
					Endpoint struct {
						Address struct {
							Socket struct {
								Address string
								Port    int `json:"port_value"`
							} `json:"socket_address"`
						}
					}
					Metadata struct {
						Filter map[string]map[string]string `json:"filter_metadata"`
					}
				} `json:"lb_endpoints"`
			}
		}
	}
	if err := json.Unmarshal(text, &response); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, one := range response.Resources[0].Endpoints[0].Lb {
		socket := one.Endpoint.Address.Socket
		found = append(found, fmt.Sprintf("%s:%d %s", socket.Address, socket.Port, one.Metadata.Filter["envoy.lb"][LaneLabel]))
	}
	return found
}
