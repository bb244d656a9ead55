package kube

import (
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// users of the cluster and their groups, by name without prefix.
var users = map[string][]string{
	"admin":                          {"system:masters"},
	"kwok":                           {"system:masters"},
	"system:kube-controller-manager": nil,
	"system:kube-scheduler":          nil,
}

// writePKI makes the certificates of the cluster, and a kubeconfig for each user.
func (c *Cluster) writePKI(port string) {
	authority, err := newAuthority(c.pki(""))
	if err == nil {
		err = authority.server("apiserver")
	}
	if err == nil {
		err = authority.signing("accounts")
	}
	for user, groups := range users {
		if err == nil {
			err = c.writeKubeconfig(authority, "https://127.0.0.1:"+port, user, groups)
		}
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cluster) writeKubeconfig(authority *authority, server, user string, groups []string) error {
	issued, err := authority.client(user, groups...)
	if err != nil {
		return err
	}
	return clientcmd.WriteToFile(api.Config{
		CurrentContext: "test",
		Clusters:       map[string]*api.Cluster{"test": {Server: server, CertificateAuthorityData: authority.pem}},
		AuthInfos:      map[string]*api.AuthInfo{user: {ClientCertificateData: issued.certificate, ClientKeyData: issued.key}},
		Contexts:       map[string]*api.Context{"test": {Cluster: "test", AuthInfo: user}},
	}, c.kubeconfig(strings.TrimPrefix(user, "system:")))
}

func (c *Cluster) pki(file string) string {
	return filepath.Join(c.folder, "pki", file)
}

func (c *Cluster) kubeconfig(user string) string {
	return filepath.Join(c.folder, user+".kubeconfig")
}
