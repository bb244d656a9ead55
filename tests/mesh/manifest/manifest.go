// Package manifest reads Kubernetes objects: from YAML, and from kustomizations, which it builds as kubectl does.
package manifest

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Object is one Kubernetes object, as written.
type Object = unstructured.Unstructured

// Build builds the kustomization in a folder, under the restrictions of `kubectl apply -k`.
func Build(folder string) ([]*Object, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, fmt.Errorf("kustomize build %s: %w", folder, err)
	}
	text, err := built.AsYaml()
	if err != nil {
		return nil, fmt.Errorf("kustomize build %s: %w", folder, err)
	}
	return Parse(text)
}

// Parse reads the documents of a YAML text. A key that stands twice is an error.
func Parse(text []byte) ([]*Object, error) {
	var objects []*Object
	for _, document := range bytes.Split(append([]byte("\n"), text...), []byte("\n---")) {
		content, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, err
		}
		if string(content) == "null" {
			continue
		}
		object := &Object{}
		if err := object.UnmarshalJSON(content); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// ReadFile reads the objects of one YAML file.
func ReadFile(path string) ([]*Object, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	objects, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return objects, nil
}

// YAML writes an object as one document.
func YAML(object *Object) string {
	text, err := yaml.Marshal(object.Object)
	if err != nil {
		panic(err) // it was read from YAML
	}
	return string(text)
}

// IsIstio tells whether Istio keeps an object in its configuration, rather than Kubernetes among its own.
func IsIstio(object *Object) bool {
	return strings.HasSuffix(object.GroupVersionKind().Group, ".istio.io")
}

// Name names an object for people: WasmPlugin shop/graylane-sidecar.
func Name(object *Object) string {
	return fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())
}

// Find returns the object of that kind and name, or nil.
func Find(objects []*Object, kind, name string) *Object {
	for _, object := range objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	return nil
}
