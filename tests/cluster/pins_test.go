package cluster

import (
	"os"
	"regexp"
	"testing"
)

func TestIstiodIsOfTheIstioThatTestsMeshIsHeldTo(t *testing.T) {
	pin := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(regexp.MustCompile(`istio\.io/istio v\S+`).Find(text))
	}
	if here, there := pin("istiod/go.mod"), pin("../mesh/go.mod"); here != there || here == "" {
		t.Errorf("istiod/go.mod requires %q, tests/mesh/go.mod %q", here, there)
	}
}
