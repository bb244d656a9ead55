// Package apiserver takes objects as a Kubernetes API server would that has the definitions and the webhook of Istio: it
// fills in defaults, and refuses what does not fit.
package apiserver

import (
	"fmt"
	"strings"
	"sync"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	istiocrd "istio.io/istio/pkg/config/crd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/test"

	"graylane.test/mesh/manifest"
)

// definitions reads the CustomResourceDefinitions of Istio and of the Gateway API, which come with Istio's module.
var definitions = sync.OnceValues(func() (validator *istiocrd.Validator, err error) {
	err = test.Wrap(func(t test.Failer) { validator = istiocrd.NewIstioValidator(t) })
	return validator, err
})

// Admit checks an object, fills in the defaults of its kind, and returns what the webhook warns of.
func Admit(object *manifest.Object) (warnings []string, err error) {
	if !isCustom(object) {
		_, _, err := kube.IstioCodec.UniversalDeserializer().Decode([]byte(manifest.YAML(object)), nil, nil)
		return nil, err
	}
	known, err := definitions()
	if err != nil {
		return nil, fmt.Errorf("the definitions of Istio's module cannot be read (go mod download istio.io/istio): %w", err)
	}
	// Schema, defaults, unknown fields, expressions in CEL.
	if err := known.ValidateCustomResource(object); err != nil {
		return nil, err
	}
	return webhook(object)
}

// webhook is Istio's own check of its kinds.
func webhook(object *manifest.Object) ([]string, error) {
	kind := object.GroupVersionKind()
	schema, ok := collections.Pilot.FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&kind))
	if !ok {
		return nil, nil
	}
	configs, _, err := crd.ParseInputs(manifest.YAML(object))
	if err != nil {
		return nil, err
	}
	warning, err := schema.ValidateConfig(configs[0])
	if warning == nil {
		return nil, err
	}
	return strings.Split(warning.Error(), "\n"), err
}

// isCustom tells whether a kind is defined by a CustomResourceDefinition.
func isCustom(object *manifest.Object) bool {
	return manifest.IsIstio(object) || object.GroupVersionKind().Group == "gateway.networking.k8s.io"
}
