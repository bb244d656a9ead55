package mesh

import (
	"io"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// go-containerregistry is what Istio, ko and crane read images with.
func TestTheCompatImageIsOneLikeAnyOther(t *testing.T) {
	_, compat := images(t)
	if err := validate.Image(compat); err != nil {
		t.Error(err)
	}
	config, err := compat.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.Labels["org.opencontainers.image.title"] != "graylane" {
		t.Errorf("labels: %v", config.Config.Labels)
	}
}

func TestBothImagesNameTheirMediaType(t *testing.T) {
	for _, image := range both(t) {
		manifest, err := image.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if manifest.MediaType != types.OCIManifestSchema1 || manifest.SchemaVersion != 2 {
			t.Errorf("%s: %s, schema %d", image.name, manifest.MediaType, manifest.SchemaVersion)
		}
	}
}

// A layer's reader compares what it reads with the digest.
func TestTheArtifactsBlobsAreWhatTheManifestSays(t *testing.T) {
	artifact, _ := images(t)
	layers, err := artifact.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if len(layers) != 2 {
		t.Fatalf("%d layers; Istio takes an artifact with 2", len(layers))
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		bytes, err := io.ReadAll(content)
		if err != nil {
			t.Error(err)
		}
		if kind, err := layer.MediaType(); err != nil {
			t.Error(err)
		} else if kind == "application/vnd.module.wasm.content.layer.v1+wasm" {
			isModule(t, "the layer", bytes)
		}
	}
}
