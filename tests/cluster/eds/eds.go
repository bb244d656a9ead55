// Package eds turns the EndpointSlices of a service into what Envoy's endpoint discovery reads.
package eds

import (
	"cmp"
	"encoding/json"
	"slices"

	discovery "k8s.io/api/discovery/v1"
)

// LaneLabel is the label of a slice that says which lane its endpoints are.
const LaneLabel = "traffic-group"

// Response is a discovery response with one ClusterLoadAssignment, as Envoy reads it from a file: every endpoint that
// counts, with its lane as metadata for the subset load balancer.
func Response(cluster, port string, all []*discovery.EndpointSlice) ([]byte, error) {
	var endpoints []endpoint
	for _, slice := range all {
		endpoints = append(endpoints, ofSlice(slice, port)...)
	}
	slices.SortFunc(endpoints, func(a, b endpoint) int {
		return cmp.Or(cmp.Compare(a.lane, b.lane), cmp.Compare(a.address, b.address), cmp.Compare(a.port, b.port))
	})
	endpoints = slices.Compact(endpoints) // while Kubernetes moves an endpoint, two slices may have it
	written := make([]object, len(endpoints))
	for i, one := range endpoints {
		written[i] = one.write()
	}
	return json.MarshalIndent(object{"resources": []object{{
		"@type":        "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
		"cluster_name": cluster,
		"endpoints":    []object{{"lb_endpoints": written}},
	}}}, "", " ")
}

type object = map[string]any

type endpoint struct {
	lane, address string
	port          int32
}

// ofSlice are the endpoints of a slice that count. A port without a name is the only one of its service.
func ofSlice(slice *discovery.EndpointSlice, name string) []endpoint {
	var found []endpoint
	for _, port := range slice.Ports {
		if port.Port == nil || port.Name != nil && *port.Name != "" && *port.Name != name {
			continue
		}
		for _, one := range slice.Endpoints {
			// All addresses of an endpoint lead to the same place.
			if Counts(one.Conditions) && len(one.Addresses) > 0 {
				found = append(found, endpoint{slice.Labels[LaneLabel], one.Addresses[0], *port.Port})
			}
		}
	}
	return found
}

// Counts tells whether an endpoint gets requests: it serves, and is not about to end. `ready` says nothing where not-ready
// addresses are published, so it is asked only where nothing says whether it serves.
func Counts(conditions discovery.EndpointConditions) bool {
	serving := or(conditions.Serving, or(conditions.Ready, true))
	return serving && !or(conditions.Terminating, false)
}

func or(value *bool, unknown bool) bool {
	if value == nil {
		return unknown
	}
	return *value
}

func (e endpoint) write() object {
	return object{
		"endpoint": object{"address": object{"socket_address": object{"address": e.address, "port_value": e.port}}},
		"metadata": object{"filter_metadata": object{"envoy.lb": object{LaneLabel: e.lane}}},
	}
}
