package mesh

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"graylane.test/mesh/registry"
)

// push does what make push does, with what else is in the environment, and returns what it says.
func push(at, tag string, environment ...string) (string, error) {
	command := exec.Command(filepath.Join(root, "setup/push.sh"))
	command.Env = append(os.Environ(), append(environment, "REGISTRY="+at, "TAG="+tag)...)
	words, err := command.CombinedOutput()
	return string(words), err
}

// pushed is a registry to which both images were pushed, as team/graylane:TAG and :TAG-compat.
func pushed(t *testing.T, tag string) *registry.Registry {
	t.Helper()
	images(t) // which are pushed
	registry := registry.Start(t, root, nil)
	if words, err := push(registry.Host+"/team", tag); err != nil {
		t.Fatalf("make push: %v\n%s", err, words)
	}
	return registry
}

// login is whom a private registry lets in.
var login = registry.Login{User: "ann", Password: "hard to guess", Realm: "https://images.example.com"}

// dockerConfig is what docker login writes, and what is in a pull secret.
func dockerConfig(host string, login registry.Login) string {
	both := base64.StdEncoding.EncodeToString([]byte(login.User + ":" + login.Password))
	return fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, both)
}

// authFile is that, in a file that skopeo is told of.
func authFile(t *testing.T, config string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "auth.json")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return "REGISTRY_AUTH_FILE=" + path
}

func TestPushedImagesComeBackByTagAndByDigestByteByByte(t *testing.T) {
	registry := pushed(t, "1.2.3")
	artifact, compat := images(t)
	for tag, image := range map[string]image{"1.2.3": artifact, "1.2.3-compat": compat} {
		manifest, err := image.RawManifest()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{tag, image.digest(t)} {
			if got := get(t, registry, "manifests/"+name); got != string(manifest) {
				t.Errorf("%s comes back as\n%s\nnot as\n%s", name, got, manifest)
			}
		}
		for _, blob := range image.blobs(t) {
			built, err := os.ReadFile(filepath.Join(root, "target/image/blobs/sha256", blob.Hex))
			if err != nil {
				t.Fatal(err)
			}
			if got := get(t, registry, "blobs/"+blob.String()); got != string(built) {
				t.Errorf("%s: blob %s comes back with %d bytes, not with the %d that were built", tag, blob, len(got), len(built))
			}
		}
	}
}

// get asks the registry itself, by its API.
func get(t *testing.T, registry *registry.Registry, what string) string {
	t.Helper()
	request, err := http.NewRequest("GET", fmt.Sprintf("http://%s/v2/team/graylane/%s", registry.Host, what), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", what, answer.Status, err, body)
	}
	return string(body)
}

func TestPushTellsTheReferencesToUse(t *testing.T) {
	images(t)
	registry := registry.Start(t, root, nil)
	words, err := push(registry.Host+"/team", "")
	if err != nil {
		t.Fatalf("make push: %v\n%s", err, words)
	}
	for _, image := range append(both(t), counting(t)...) {
		line := fmt.Sprintf("oci://%[1]s/team/graylane@%[2]s    (%[1]s/team/graylane:%[3]s)", registry.Host, image.digest(t), image.name)
		if !strings.Contains(words, line) {
			t.Errorf("does not say\n%s\nbut\n%s", line, words)
		}
	}
}

func TestPushSaysWhatIsWrongAndTheWayOut(t *testing.T) {
	images(t)
	private := registry.Start(t, root, &login)
	wrong := authFile(t, dockerConfig(private.Host, registry.Login{User: "ann", Password: "a guess"}))
	for _, c := range []struct {
		name, at, tag, environment string
		said                       []string
	}{
		{"no registry", "", "1", "", []string{"REGISTRY is not set", "make push REGISTRY="}},
		{"an address", "oci://images.example.com/team", "1", "", []string{"without oci://"}},
		{"a name that no image can have", "images.example.com/Team", "1", "", []string{"no image can have this name"}},
		{"a tag that no image can have", "images.example.com/team", "1+2", "", []string{"TAG=1+2"}},
		{"nobody there", "127.0.0.1:1/team", "1", "", []string{"127.0.0.1:1 cannot be reached"}},
		{"no TLS", strings.Replace(private.Host, "127.0.0.1", "0.0.0.0", 1) + "/team", "1", "", []string{"speaks no TLS", "insecure = true"}},
		{"no login", private.Host + "/team", "1", authFile(t, "{}"), []string{"does not let you push", "skopeo login " + private.Host}},
		{"a wrong login", private.Host + "/team", "1", wrong, []string{"does not let you push", "skopeo login " + private.Host}},
	} {
		t.Run(c.name, func(t *testing.T) {
			words, err := push(c.at, c.tag, c.environment)
			if err == nil {
				t.Error("it succeeds")
			}
			for _, said := range c.said {
				if !strings.Contains(words, said) {
					t.Errorf("does not say %q, but\n%s", said, words)
				}
			}
		})
	}
}
