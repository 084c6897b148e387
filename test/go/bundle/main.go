// Verifies the entries of an exported bundle with golang.org/x/mod only, sharing no code with the project.
//
//	bundle DIR VKEY
//
// DIR holds checkpoint, entries.jsonl and the hash tiles tile/<L>/<N>[.p/W] that lead from its entries to the root. The
// first entry that is not the one that was signed is named and the exit code is 1.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: bundle DIR VKEY")
		os.Exit(2)
	}
	summary, err := verify(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
	fmt.Println(summary)
}

// tiles reads C2SP paths; tlog.Tile.Path has the height in front.
type tiles struct{ dir string }

func (t tiles) Height() int { return 8 }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		path := fmt.Sprintf("%03d", tile.N%1000)
		for n := tile.N / 1000; n > 0; n /= 1000 {
			path = fmt.Sprintf("x%03d/%s", n%1000, path)
		}
		path = fmt.Sprintf("tile/%d/%s", tile.L, path)
		if tile.W < 256 {
			path += fmt.Sprintf(".p/%d", tile.W)
		}
		bytes, err := os.ReadFile(filepath.Join(t.dir, path))
		if err != nil {
			return nil, err
		}
		all = append(all, bytes)
	}
	return all, nil
}

func verify(dir, vkey string) (string, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", err
	}
	msg, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return "", err
	}
	signed, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return "", fmt.Errorf("checkpoint: %q", signed.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return "", err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return "", err
	}
	// It checks every tile that it reads against the root.
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tiles{dir})

	file, err := os.Open(filepath.Join(dir, "entries.jsonl"))
	if err != nil {
		return "", err
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(make([]byte, 1<<17), 1<<17)
	proven := 0
	for scanner.Scan() {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(scanner.Bytes(), &members); err != nil {
			return "", err
		}
		index, err := strconv.ParseInt(string(members["index"]), 10, 64)
		if err != nil {
			return "", err
		}
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return "", fmt.Errorf("index %d: %w", index, err)
		}
		if hashes[0] != tlog.RecordHash(scanner.Bytes()) {
			return "", fmt.Errorf("index %d: it is not the entry that was signed", index)
		}
		proven++
	}
	if err := scanner.Err(); err != nil {
		return "", err
	}
	return fmt.Sprintf("ok: %d entries under a checkpoint of %d", proven, size), nil
}
