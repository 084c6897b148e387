// Follows a log over HTTP (C2SP tlog-tiles) with golang.org/x/mod only, sharing no code with the project.
//
//	live URL VKEY ROUNDS
//
// In each round it fetches the checkpoint, proves it consistent with the one before, and proves a sample of entries out
// of tiles that x/mod's TileHashReader authenticates. The first thing that is wrong is named and the exit code is 1.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: live URL VKEY ROUNDS")
		os.Exit(2)
	}
	rounds, err := strconv.Atoi(os.Args[3])
	if err == nil {
		err = follow(&log{prefix: os.Args[1]}, os.Args[2], rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
}

func follow(l *log, vkey string, rounds int) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	var old tlog.Tree
	grown, proved := 0, 0
	for round := 0; round < rounds; round++ {
		tree, err := l.checkpoint(verifier)
		if err != nil {
			return err
		}
		reader := tlog.TileHashReader(tree, l)
		if old.N > 0 {
			proof, err := tlog.ProveTree(tree.N, old.N, reader)
			if err != nil {
				return fmt.Errorf("from %d to %d: %w", old.N, tree.N, err)
			}
			if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
				return fmt.Errorf("from %d to %d: %w", old.N, tree.N, err)
			}
		}
		if tree.N > old.N {
			grown++
		}
		for _, index := range []int64{0, tree.N / 3, tree.N - tree.N%tileWidth - 1, tree.N - 1} {
			if index < 0 || index >= tree.N {
				continue
			}
			if err := l.prove(tree, index, reader); err != nil {
				return fmt.Errorf("index %d of %d: %w", index, tree.N, err)
			}
			proved++
		}
		// A size that has passed can still be read: its partial tiles are served.
		if old.N > 0 {
			if err := l.prove(old, old.N-1, tlog.TileHashReader(old, l)); err != nil {
				return fmt.Errorf("index %d of %d, which has passed: %w", old.N-1, old.N, err)
			}
		}
		old = tree
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Printf("ok: %d checkpoints of %d sizes, %d entries proved, %d requests, size %d\n",
		rounds, grown, proved, l.requests, old.N)
	return nil
}

// log is a tlog.TileReader over HTTP.
type log struct {
	prefix   string
	requests int
}

func (l *log) get(path string) ([]byte, error) {
	l.requests++
	response, err := http.Get(l.prefix + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return body, err
}

func (l *log) checkpoint(verifier note.Verifier) (tlog.Tree, error) {
	var tree tlog.Tree
	msg, err := l.get("checkpoint")
	if err != nil {
		return tree, err
	}
	signed, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("checkpoint: %q", signed.Text)
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func tilePath(level string, n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	path = "tile/" + level + "/" + path
	if width < tileWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

func (l *log) Height() int { return tileHeight }

func (l *log) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		var err error
		if data[i], err = l.get(tilePath(strconv.Itoa(tile.L), tile.N, tile.W)); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func (l *log) SaveTiles([]tlog.Tile, [][]byte) {}

func (l *log) prove(tree tlog.Tree, index int64, reader tlog.HashReader) error {
	n := index / tileWidth
	width := tileWidth
	if rest := tree.N - n*tileWidth; rest < tileWidth {
		width = int(rest)
	}
	bundle, err := l.get(tilePath("entries", n, width))
	if err != nil {
		return err
	}
	for skip := index % tileWidth; ; skip-- {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			return fmt.Errorf("its bundle ends before it")
		}
		length := int(binary.BigEndian.Uint16(bundle))
		if skip > 0 {
			bundle = bundle[2+length:]
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return err
		}
		return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(bundle[2:2+length]))
	}
}
