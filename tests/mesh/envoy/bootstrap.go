package envoy

import (
	"encoding/json"
	"net"
	texttemplate "text/template"
)

var template = texttemplate.Must(texttemplate.New("bootstrap").Funcs(texttemplate.FuncMap{
	"json": func(value any) (string, error) {
		text, err := json.Marshal(value)
		return string(text), err
	},
	"named": func(name string, at *net.TCPAddr) map[string]any { return map[string]any{"name": name, "at": at} },
}).Parse(`{
  "node": {
    "id": {{json .id}},
    "cluster": {{json .node.Name}},
    "metadata": {
      "NAMESPACE": {{json .node.Namespace}},
      "ISTIO_VERSION": "1.31.0",
      "CLUSTER_ID": "Kubernetes",
      "INTERCEPTION_MODE": "NONE",
      "LABELS": {{json .node.Labels}}
    }
  },
  {{- with .node.KeptStats}}
  "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [
    {{- range $at, $prefix := .}}{{if $at}}, {{end}}{"prefix": {{json $prefix}}}{{end -}}
  ]}}},
  {{- end}}
  "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
  "dynamic_resources": {
    "ads_config": {
      "api_type": "GRPC",
      "transport_api_version": "V3",
      "set_node_on_first_message_only": true,
      "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}]
    },
    "lds_config": {"ads": {}, "resource_api_version": "V3"},
    "cds_config": {"ads": {}, "resource_api_version": "V3"}
  },
  "static_resources": {
    "clusters": [
      {{with .node.Secrets}}{{template "cluster" (named "sds-grpc" .)}},{{end}}
      {{template "cluster" (named "xds-grpc" .discovery)}}
    ]
  }
}
{{define "cluster"}}{
        "name": {{json .name}},
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
          "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}}
          }
        },
        "load_assignment": {
          "cluster_name": {{json .name}},
          "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {
            "address": {{json .at.IP}}, "port_value": {{.at.Port}}
          }}}}]}]
        }
      }{{end}}
`))
