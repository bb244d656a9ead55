// Command lane-eds keeps a file for Envoy's endpoint discovery in step with the EndpointSlices of a service, lane by lane.
//
//	lane-eds -kubeconfig FILE -namespace shop -selector app=user-svc,traffic-group -cluster user-svc -port http -out FILE.json
//
// The file is renamed into place, whole or not at all. Without an API server it stays as it was, and so does the traffic.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	var s settings
	flag.StringVar(&s.kubeconfig, "kubeconfig", "", "how to reach the API server; empty: as a pod of the cluster")
	flag.StringVar(&s.namespace, "namespace", "default", "the namespace of the service")
	flag.StringVar(&s.selector, "selector", "", "which EndpointSlices: a label selector")
	flag.StringVar(&s.cluster, "cluster", "", "the name of Envoy's cluster")
	flag.StringVar(&s.port, "port", "http", "the name of the service's port")
	flag.StringVar(&s.out, "out", "", "the file to write, ending in .json; its folder is what Envoy is to watch")
	flag.Parse()
	if s.selector == "" || s.cluster == "" || s.out == "" {
		fmt.Fprintln(os.Stderr, "lane-eds: -selector, -cluster and -out must be given")
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "lane-eds:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return follow(ctx, client, s)
}
