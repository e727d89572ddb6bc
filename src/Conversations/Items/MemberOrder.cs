using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Items;

/// <summary>Links each object's members in canonical order, and refuses an object that repeats one.</summary>
internal readonly ref struct MemberOrder(ItemTree tree, ItemNode[] nodes)
{
    private readonly ItemTree _tree = tree;
    private readonly ItemNode[] _nodes = nodes;

    /// <summary>Sorts the members of every object among the first <paramref name="count"/> nodes.</summary>
    /// <exception cref="ConversationException">A member is repeated.</exception>
    public void SortMembers(int count)
    {
        for (var node = 0; node < count; node++)
        {
            if (_nodes[node].Kind != JsonTokenType.StartObject || IsSorted(node))
            {
                continue;
            }

            var rest = _nodes[node].First;
            _nodes[node].First = Sort(_nodes[node].Children, ref rest);
            if (!IsSorted(node))
            {
                RefuseRepeated(node);
            }
        }
    }

    /// <summary>Whether each member's name is greater than the one before it, so that none is repeated.</summary>
    private bool IsSorted(int container)
    {
        var member = _tree.FirstOf(container);
        while (member != ItemTree.End)
        {
            var next = _tree.NextOf(member);
            if (next != ItemTree.End && Compare(member, next) >= 0)
            {
                return false;
            }

            member = next;
        }

        return true;
    }

    /// <summary>Sorts a list's next members (merge sort); <paramref name="rest"/> moves behind them.</summary>
    private int Sort(int count, ref int rest)
    {
        if (count == 1)
        {
            var only = rest;
            rest = _nodes[only].Next;
            _nodes[only].Next = ItemTree.End;
            return only;
        }

        var left = Sort(count / 2, ref rest);
        var right = Sort(count - (count / 2), ref rest);
        return Merge(left, right);
    }

    private int Merge(int left, int right)
    {
        var head = ItemTree.End;
        var last = ItemTree.End;
        while (left != ItemTree.End && right != ItemTree.End)
        {
            ref var smaller = ref (Compare(left, right) <= 0 ? ref left : ref right);
            if (last == ItemTree.End)
            {
                head = smaller;
            }
            else
            {
                _nodes[last].Next = smaller;
            }

            last = smaller;
            smaller = _nodes[last].Next;
        }

        _nodes[last].Next = left != ItemTree.End ? left : right;
        return head;
    }

    private void RefuseRepeated(int container)
    {
        var member = _tree.FirstOf(container);
        var next = _tree.NextOf(member);
        while (Compare(member, next) != 0)
        {
            member = next;
            next = _tree.NextOf(member);
        }

        var path = _tree.PathOf(next);
        throw ItemTree.Refused($"The member '{path}' appears more than once; send it once.", path);
    }

    private int Compare(int left, int right) => JsonText.Compare(_tree.TextOf(left), _tree.TextOf(right));
}
