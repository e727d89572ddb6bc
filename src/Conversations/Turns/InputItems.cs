using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// The input items of one create. Each is read once: checked, counted against the open calls, and digested behind the
/// one before it.
/// </summary>
/// <remarks>
/// A reference of a few bytes may stand for a large item. So from the first reference on, items are digested only when
/// the size of all is known; they are read again for it. Items before that may have been checked already.
/// </remarks>
internal sealed class InputItems
{
    // What a record adds around an item, and an append around its items, with room to spare.
    private const int RecordOverheadBytes = 1 << 10;
    private const int AppendOverheadBytes = 1 << 20;

    private readonly List<(Item Item, Digest? Digest)> _items;
    private readonly ReferenceTable _references;
    private readonly CallLedger _ledger;
    private readonly IReadOnlyList<CheckedItem> _checked;
    private Digest? _digest;
    private long _bytes;

    private InputItems(
        Continuation place, ReferenceTable references, CallLedger ledger, IReadOnlyList<CheckedItem>? before, int count)
    {
        _items = new List<(Item, Digest?)>(count);
        _references = references;
        _ledger = ledger;
        _checked = place.Turn is null && before is not null ? before : [];
        _digest = place.Branch.Digest;
    }

    /// <summary>
    /// Refuses a create of items or values that no append could hold, before anything else looks at them. What its
    /// references name is not known yet.
    /// </summary>
    /// <exception cref="ConversationException">They are too large; the refusal names the first.</exception>
    public static void CheckSizes(CreateRequest create)
    {
        for (var i = 0; i < create.Input.Count; i++)
        {
            CheckItemSize(create.Input[i], $"input[{i}]");
        }

        foreach (var (field, json) in create.Parameters)
        {
            CheckItemSize(json, field.Name);
        }

        CheckSize(create.Input.Sum(static item => (long)item.Length) +
            create.Parameters.Sum(static parameter => (long)parameter.Json.Length));
    }

    /// <summary>Reads all of a create's items; <paramref name="ledger"/> takes each into account.</summary>
    /// <param name="create">The create.</param>
    /// <param name="place">What it continues.</param>
    /// <param name="references">Finds items that it refers to.</param>
    /// <param name="ledger">The calls that are open.</param>
    /// <param name="before">See <see cref="StartTurn.Checked"/>.</param>
    /// <exception cref="ConversationException">An item is refused; the refusal names it.</exception>
    /// <exception cref="ForeignItemsException">Items of other conversations are referred to.</exception>
    public static InputItems Read(CreateRequest create, Continuation place, ReferenceTable references,
        CallLedger ledger, IReadOnlyList<CheckedItem>? before)
    {
        var input = new InputItems(place, references, ledger, before, create.Input.Count);
        for (var i = 0; i < create.Input.Count; i++)
        {
            input.Read(create.Input[i], $"input[{i}]");
        }

        if (references.Missing.Count > 0)
        {
            throw new ForeignItemsException(references.Missing);
        }

        return input;
    }

    /// <summary>Refuses a create whose items and values do not fit in one append.</summary>
    /// <exception cref="ConversationException">They are too large.</exception>
    public void CheckSizeWith(List<HeldValue> values)
    {
        CheckSize(_bytes + values.Sum(value => (long)value.Json.Length));
        if (values.Find(value => value.Json.Length > Limits.RecordBytesMax - RecordOverheadBytes) is { } large)
        {
            throw TooLarge(large.Field);
        }
    }

    /// <summary>Prepares the items behind a proposal; says in which one something was wrong.</summary>
    /// <exception cref="ConversationException">The backend cannot render an item.</exception>
    public void AddTo(Proposal proposal)
    {
        for (var i = 0; i < _items.Count; i++)
        {
            try
            {
                var (item, digest) = _items[i];
                if (digest is { } known)
                {
                    proposal.Add(item, known);
                }
                else
                {
                    proposal.Add(item.Json);
                }
            }
            catch (ConversationException e)
            {
                throw InItem(e, $"input[{i}]");
            }
        }
    }

    private void Read(ReadOnlyMemory<byte> json, string path)
    {
        CheckItemSize(json, path);
        if (_items.Count < _checked.Count)
        {
            var (known, digest) = _checked[_items.Count];
            Add(new Item(json.ToArray(), known.Type, known.Role), known, digest, path);
            return;
        }

        using var item = TreeOf(json, path);
        var head = ItemHead.Of(item);
        new ItemRules(item, path).Check(head);
        if (head.Type == ItemHead.Reference)
        {
            ReadNamed(ItemHead.IdOf(item)!, path);
        }
        else if (_references.Missing.Count == 0)
        {
            Add(new Item(json.ToArray(), head.Type, head.Role), head, DigestOf(item), path);
        }
    }

    /// <summary>Reads the item that a reference names. The item is shared with the turn that has it.</summary>
    private void ReadNamed(string id, string path)
    {
        _digest = null;
        var json = _references.Find(id, path);
        if (_references.Missing.Count > 0)
        {
            // The create starts again with the missing items; only the other references are still to be looked up.
            return;
        }

        CheckSize(_bytes + json.Length);
        CheckItemSize(json, path);
        using var item = TreeOf(json, path);
        var head = ItemHead.Of(item);
        new ItemRules(item, path).Check(head);
        Add(new Item(json, head.Type, head.Role), head, DigestOf(item), path);
    }

    private Digest? DigestOf(ItemTree item) => _digest is { } before ? ItemDigest.Chain(before, item) : null;

    private void Add(Item item, in ItemHead head, Digest? digest, string path)
    {
        _ledger.Add(item, head, path);
        _digest = digest;
        _bytes += item.Json.Length;
        _items.Add((item, _digest));
    }

    private static ItemTree TreeOf(ReadOnlyMemory<byte> json, string path)
    {
        try
        {
            return ItemTree.Read(json.Span);
        }
        catch (ConversationException e)
        {
            throw InItem(e, path);
        }
    }

    private static ConversationException InItem(ConversationException e, string path) => new(
        e.Refusal with { Param = e.Refusal.Param is { } inner ? $"{path}.{inner}" : path }, e);

    private static void CheckItemSize(ReadOnlyMemory<byte> json, string path)
    {
        if (json.Length > Limits.RecordBytesMax - RecordOverheadBytes)
        {
            throw TooLarge(path);
        }
    }

    // A reference of forty bytes may stand for a whole item: so also while they are looked up.
    private static void CheckSize(long bytes)
    {
        if (bytes > Limits.AppendBytesMax - AppendOverheadBytes)
        {
            throw ConversationException.Of(RefusalKind.TooLarge,
                $"The request is larger than {Limits.AppendBytesMax - AppendOverheadBytes} bytes.");
        }
    }

    private static ConversationException TooLarge(string path) => ConversationException.Of(RefusalKind.TooLarge,
        $"'{path}' is larger than {Limits.RecordBytesMax - RecordOverheadBytes} bytes.", path);
}
