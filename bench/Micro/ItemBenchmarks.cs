using System.Text;
using BenchmarkDotNet.Attributes;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Records;

namespace Evergrain.Micro;

/// <summary>What one item of 2,000 bytes costs: its digest, reading it again, its record.</summary>
public class ItemBenchmarks
{
    private readonly byte[] _item = Encoding.UTF8.GetBytes(MicroConversation.Item());
    private readonly byte[] _escaped = Encoding.UTF8.GetBytes(MicroConversation.EscapedItem());
    private readonly RecordOwner _owner = new(new ConversationKey("default", new ConversationId(1)));
    private Record[] _records = [];
    private ReadOnlyMemory<byte> _append;

    [GlobalSetup]
    public void SetUp()
    {
        _records = [new InputHeld(_item)];
        _append = RecordFrames.Write(_records, _owner);
    }

    /// <summary>Canonical form and SHA-256.</summary>
    [Benchmark]
    public object DigestOfItem() => ItemDigest.Chain(ItemDigest.Root, _item);

    /// <summary>The same of a text as tools print it: a string with escapes is scanned byte by byte.</summary>
    [Benchmark]
    public object DigestOfEscapedItem() => ItemDigest.Chain(ItemDigest.Root, _escaped);

    /// <summary>What recovery does with an item: its digest, and what it is, from one reading.</summary>
    [Benchmark]
    public object RecoveryOfEscapedItem() => new Proposal(default, null).Add(_escaped);

    /// <summary>One record framed with its checksums.</summary>
    [Benchmark]
    public ReadOnlyMemory<byte> Framing() => RecordFrames.Write(_records, _owner);

    /// <summary>The same read and checked.</summary>
    [Benchmark]
    public object Unframing() => RecordFrames.Read(_append, _owner);
}
