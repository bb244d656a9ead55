package mesh

import (
	"bytes"
	"io"
	"path/filepath"
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

func TestTheModuleThatCountsHasImagesOfItsOwn(t *testing.T) {
	if err := validate.Image(counting(t)[1]); err != nil {
		t.Error(err)
	}
	for _, image := range counting(t) {
		manifest, err := image.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if title := manifest.Annotations["org.opencontainers.image.title"]; title != "graylane-telemetry" {
			t.Errorf("%s is %q", image.name, title)
		}
	}
	layers, err := counting(t)[0].Layers()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layers[1].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	got, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	if want := read(t, filepath.Join(root, "target/graylane-telemetry.wasm")); !bytes.Equal(got, want) {
		t.Errorf("%d bytes that are not those %d of target/graylane-telemetry.wasm (where that is newer: make image)", len(got), len(want))
	}
}
