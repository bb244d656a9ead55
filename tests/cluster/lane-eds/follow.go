package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"graylane.test/cluster/eds"
)

type settings struct {
	kubeconfig, namespace, selector, cluster, port, out string
}

// follow writes the file anew after every change of the slices, until it is told to stop. The first is written when all
// slices are known: less would take endpoints from an Envoy that has them.
func follow(ctx context.Context, client kubernetes.Interface, s settings) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(s.namespace),
		informers.WithTweakListOptions(func(options *v1.ListOptions) { options.LabelSelector = s.selector }))
	slices := factory.Discovery().V1().EndpointSlices()
	changed := make(chan struct{}, 1) // many changes at once need one writing
	if _, err := slices.Informer().AddEventHandler(notify(changed)); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	var last []byte
	for {
		all, err := slices.Lister().List(labels.Everything())
		if err != nil {
			return err
		}
		next, err := eds.Response(s.cluster, s.port, all)
		if err != nil {
			return err
		}
		if !bytes.Equal(next, last) {
			if err := replace(s.out, next); err != nil {
				return err
			}
			last = next
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

func notify(changed chan<- struct{}) cache.ResourceEventHandler {
	signal := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { signal() },
		UpdateFunc: func(any, any) { signal() },
		DeleteFunc: func(any) { signal() },
	}
}

// replace puts a file in the place of another, on the same file system.
func replace(path string, text []byte) error {
	next, err := os.CreateTemp(filepath.Dir(path), ".lane-eds-*")
	if err != nil {
		return err
	}
	defer os.Remove(next.Name()) // where it was not renamed
	if _, err := next.Write(text); err != nil {
		return err
	}
	if err := next.Close(); err != nil {
		return err
	}
	if err := os.Chmod(next.Name(), 0o644); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), path); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
