package mesh

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// image is one of target/image.
type image struct {
	name string
	v1.Image
}

// both are the two images.
func both(t *testing.T) []image {
	t.Helper()
	artifact, compat := images(t)
	return []image{artifact, compat}
}

// counting are those of the module that counts.
func counting(t *testing.T) []image {
	t.Helper()
	images(t)
	built, _ := readImages()
	return built[2:]
}

// images are those that make image makes of the module: the artifact, and the compat image.
func images(t *testing.T) (artifact, compat image) {
	t.Helper()
	built, err := readImages()
	if err != nil {
		t.Fatal(err)
	}
	return built[0], built[1]
}

var readImages = sync.OnceValues(func() (images []image, err error) {
	index, err := layout.ImageIndexFromPath(filepath.Join(root, "target/image"))
	if err != nil {
		return nil, fmt.Errorf("there are no images (%w); build them: make image", err)
	}
	content, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, entry := range content.Manifests {
		one, err := index.Image(entry.Digest)
		if err != nil {
			return nil, err
		}
		images = append(images, image{entry.Annotations["org.opencontainers.image.ref.name"], one})
	}
	if len(images) != 4 {
		return nil, fmt.Errorf("target/image holds %d images, not two of each module", len(images))
	}
	return images, nil
})

// digest is the image's, as it stands in a reference.
func (i image) digest(t *testing.T) string {
	t.Helper()
	digest, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// blobs are the digests of its configuration and its layers.
func (i image) blobs(t *testing.T) []v1.Hash {
	t.Helper()
	manifest, err := i.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	found := []v1.Hash{manifest.Config.Digest}
	for _, layer := range manifest.Layers {
		found = append(found, layer.Digest)
	}
	return found
}

// isModule fails the test where bytes are not those of the module.
func isModule(t *testing.T, what string, got []byte) {
	t.Helper()
	want := read(t, module)
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes that are not those %d of target/graylane.wasm (where that is newer: make image)", what, len(got), len(want))
	}
}
