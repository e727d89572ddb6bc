using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Context;

/// <summary>An item that was validated and digested, and rendered where its turn has a backend at hand.</summary>
/// <param name="Item">The item.</param>
/// <param name="Digest">The digest of its branch up to and with it.</param>
/// <param name="Rendering">The rendering's name, if it was rendered.</param>
/// <param name="Rendered">The rendered item, if it was.</param>
internal sealed record PreparedItem(Item Item, Digest Digest, string? Rendering, RenderedItem? Rendered);

/// <summary>
/// A turn's items before they are part of a branch: prepared one after the other behind a branch that stays as it is.
/// Nothing else sees them until the journal has them and apply takes them over.
/// </summary>
internal sealed class Proposal
{
    private readonly List<PreparedItem> _items = [];
    private readonly IModelBackend? _backend;
    private readonly SegmentView? _branchView;
    private Digest _digest;
    private RenderedItem? _last;

    /// <summary>Begins behind a branch, which a given backend must have rendered.</summary>
    public Proposal(Branch branch, IModelBackend? backend)
    {
        _digest = branch.Digest;
        _backend = backend;
        _last = backend is null ? null : branch.LastRendered(backend.Rendering);
        _branchView = backend is null ? null : branch.View(backend.Rendering);
        (BranchLength, TokensBefore) = (branch.Length, Tokens);
    }

    /// <summary>Items before the proposal.</summary>
    public int BranchLength { get; }

    /// <summary>Tokens before the proposal.</summary>
    public long TokensBefore { get; }

    public IReadOnlyList<PreparedItem> Items => _items;

    /// <summary>The digest behind the last item.</summary>
    public Digest Digest => _digest;

    /// <summary>Tokens behind the last item; 0 where nothing is rendered.</summary>
    public long Tokens => _last?.Tokens ?? 0;

    /// <summary>Prepares the next item from its JSON, which it reads once, and says what it is.</summary>
    /// <param name="json">The item, as it was checked when it came or was made.</param>
    /// <param name="origin">Which model server made it; null: none, or it is not known.</param>
    /// <exception cref="FormatException">It has no type, role or id: no such item ever came in.</exception>
    public ItemHead Add(ReadOnlyMemory<byte> json, ItemOrigin? origin = null)
    {
        using var tree = ItemTree.Read(json.Span);
        var head = ItemHead.Of(tree);
        if (head.Type.Length == 0)
        {
            throw new FormatException("an item has no type, role or id");
        }

        Add(new Item(json, head.Type, head.Role) { Origin = origin }, ItemDigest.Chain(_digest, tree));
        return head;
    }

    /// <summary>Prepares the next item, which was read already: its rendering, where there is a backend.</summary>
    /// <param name="item">The item.</param>
    /// <param name="digest">The digest of the branch up to and with it.</param>
    public void Add(Item item, Digest digest)
    {
        _digest = digest;
        if (_backend is not null)
        {
            _last = RenderCursor.Render(_backend, item, _last);
        }

        _items.Add(new PreparedItem(item, _digest, _backend?.Rendering, _last));
    }

    /// <summary>The context a model is called with: the branch and the proposal's items.</summary>
    public ContextView View() => new(_branchView, _items.ConvertAll(item => item.Rendered!.Value.Rendered.Bytes))
    {
        ItemCount = BranchLength + _items.Count,
        Bytes = _last?.Bytes ?? 0,
        Tokens = Tokens,
        State = _last?.Rendered.State,
    };
}
