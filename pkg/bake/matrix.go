package bake

import (
	"errors"
	"maps"
	"slices"

	"github.com/docker/buildx/bake/hclparser"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// The parser asks a block by these for its names and for the values with which
// its body is evaluated, once for each combination of a matrix.
var (
	_ hclparser.WithEvalContexts = (*Target)(nil)
	_ hclparser.WithGetName      = (*Target)(nil)
	_ hclparser.WithEvalContexts = (*Group)(nil)
	_ hclparser.WithGetName      = (*Group)(nil)
)

type loader = func(hcl.Expression) hcl.Diagnostics

// attribute finds an attribute of a block without reading the others.
func attribute(block *hcl.Block, name string) (*hcl.Attribute, error) {
	content, _, diags := block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: name}}})
	if err := asError(diags); err != nil {
		return nil, err
	}
	return content.Attributes[name], nil
}

// GetEvalContexts gives a group the one it has.
func (g *Group) GetEvalContexts(base *hcl.EvalContext, block *hcl.Block, _ loader) ([]*hcl.EvalContext, error) {
	attr, err := attribute(block, "matrix")
	if err == nil && attr != nil {
		err = errors.New("matrix is not supported for groups")
	}
	return []*hcl.EvalContext{base}, err
}

// GetName gives a group the name of its block.
func (g *Group) GetName(_ *hcl.EvalContext, block *hcl.Block, _ loader) (string, error) {
	attr, err := attribute(block, "name")
	if err == nil && attr != nil {
		err = errors.New("name is not supported for groups")
	}
	return block.Labels[0], err
}

// GetEvalContexts gives a target one for each combination of its matrix.
func (t *Target) GetEvalContexts(base *hcl.EvalContext, block *hcl.Block, load loader) ([]*hcl.EvalContext, error) {
	attr, err := attribute(block, "matrix")
	if err != nil || attr == nil {
		return []*hcl.EvalContext{base}, err
	}
	value, err := evaluate(base, attr, load)
	if err != nil {
		return nil, err
	}
	if !value.Type().IsMapType() && !value.Type().IsObjectType() {
		return nil, errors.New("matrix must be a map")
	}
	axes := value.AsValueMap()
	all := []map[string]cty.Value{{}}
	for _, axis := range slices.Sorted(maps.Keys(axes)) {
		if !axes[axis].CanIterateElements() {
			return nil, errors.New("matrix values must be a list")
		}
		var next []map[string]cty.Value
		for _, v := range axes[axis].AsValueSlice() {
			for _, so := range all {
				one := maps.Clone(so)
				one[axis] = v
				next = append(next, one)
			}
		}
		all = next
	}
	out := make([]*hcl.EvalContext, len(all))
	for i, variables := range all {
		out[i] = base.NewChild()
		out[i].Variables = variables
	}
	return out, nil
}

// GetName gives a target of a matrix the name that its values make.
func (t *Target) GetName(ectx *hcl.EvalContext, block *hcl.Block, load loader) (string, error) {
	attr, err := attribute(block, "name")
	if err != nil || attr == nil {
		return block.Labels[0], err
	}
	matrix, err := attribute(block, "matrix")
	if err != nil {
		return "", err
	}
	if matrix == nil {
		return "", errors.New("name requires matrix")
	}
	value, err := evaluate(ectx, attr, load)
	if err != nil {
		return "", err
	}
	if value, err = convert.Convert(value, cty.String); err != nil {
		return "", err
	}
	return value.AsString(), nil
}

// evaluate is the value of an attribute, after what it refers to.
func evaluate(ectx *hcl.EvalContext, attr *hcl.Attribute, load loader) (cty.Value, error) {
	if err := asError(load(attr.Expr)); err != nil {
		return cty.NilVal, err
	}
	value, diags := attr.Expr.Value(ectx)
	return value, asError(diags)
}
