using System.Buffers.Binary;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;

// The records of the port carry Orleans' attributes; their serializers are made here.
[assembly: GenerateCodeForDeclaringAssembly(typeof(StartedTurn))]

namespace Evergrain.Grains.Calls;

// What crosses a connection of the conversation's other types is written as these.

/// <summary>A <see cref="TurnId"/> between processes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.TurnId")]
internal readonly record struct TurnIdSurrogate(
    [property: Id(0)] int Number,
    [property: Id(1)] UInt128 Random);

[RegisterConverter]
internal sealed class TurnIdConverter : IConverter<TurnId, TurnIdSurrogate>
{
    public TurnId ConvertFromSurrogate(in TurnIdSurrogate surrogate) =>
        surrogate.Number > 0
            ? TurnId.Stored(surrogate.Number, (int)surrogate.Random)
            : TurnId.Unstored(surrogate.Random);

    public TurnIdSurrogate ConvertToSurrogate(in TurnId value) => new(value.Number, value.Random);
}

/// <summary>A <see cref="LeaseId"/> between processes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.LeaseId")]
internal readonly record struct LeaseIdSurrogate([property: Id(0)] ulong Value);

[RegisterConverter]
internal sealed class LeaseIdConverter : IConverter<LeaseId, LeaseIdSurrogate>
{
    public LeaseId ConvertFromSurrogate(in LeaseIdSurrogate surrogate) => new(surrogate.Value);

    public LeaseIdSurrogate ConvertToSurrogate(in LeaseId value) => new(value.Value);
}

/// <summary>A <see cref="Digest"/> between processes: its 32 bytes, little-endian.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.Digest")]
internal readonly record struct DigestSurrogate(
    [property: Id(0)] UInt128 First,
    [property: Id(1)] UInt128 Second);

[RegisterConverter]
internal sealed class DigestConverter : IConverter<Digest, DigestSurrogate>
{
    private const int Half = Digest.Size / 2;

    public Digest ConvertFromSurrogate(in DigestSurrogate surrogate)
    {
        Span<byte> bytes = stackalloc byte[Digest.Size];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, surrogate.First);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes[Half..], surrogate.Second);
        return Digest.From(bytes);
    }

#pragma warning disable RCS1242 // The interface says how it is passed.
    public DigestSurrogate ConvertToSurrogate(in Digest value) => new(
#pragma warning restore RCS1242
        BinaryPrimitives.ReadUInt128LittleEndian(value.AsSpan()),
        BinaryPrimitives.ReadUInt128LittleEndian(value.AsSpan()[Half..]));
}

/// <summary>A <see cref="ForeignItem"/> between processes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.ForeignItem")]
internal readonly record struct ForeignItemSurrogate(
    [property: Id(0)] string Id,
    [property: Id(1)] UInt128 Conversation,
    [property: Id(2)] TurnId Turn,
    [property: Id(3)] int Index);

[RegisterConverter]
internal sealed class ForeignItemConverter : IConverter<ForeignItem, ForeignItemSurrogate>
{
    public ForeignItem ConvertFromSurrogate(in ForeignItemSurrogate surrogate) => new(
        surrogate.Id, new ResponseId(new ConversationId(surrogate.Conversation), surrogate.Turn), surrogate.Index);

    public ForeignItemSurrogate ConvertToSurrogate(in ForeignItem value) =>
        new(value.Id, value.Response.Conversation.Value, value.Response.Turn, value.Index);
}

/// <summary>
/// A <see cref="Refusal"/> between processes. A kind goes by its name: the enum's numbers may change.
/// </summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.Refusal")]
internal readonly record struct RefusalSurrogate(
    [property: Id(0)] string Kind,
    [property: Id(1)] string Message,
    [property: Id(2)] string? Param,
    [property: Id(3)] TimeSpan? RetryAfter);

[RegisterConverter]
internal sealed class RefusalConverter : IConverter<Refusal, RefusalSurrogate>
{
    public Refusal ConvertFromSurrogate(in RefusalSurrogate surrogate) => new(
        Enum.TryParse<RefusalKind>(surrogate.Kind, out var kind) ? kind : RefusalKind.Internal,
        surrogate.Message, surrogate.Param)
    {
        RetryAfter = surrogate.RetryAfter,
    };

    public RefusalSurrogate ConvertToSurrogate(in Refusal value) =>
        new(value.Kind.ToString(), value.Message, value.Param, value.RetryAfter);
}

/// <summary>A <see cref="TenantReport"/> between processes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.TenantReport")]
internal readonly record struct TenantReportSurrogate(
    [property: Id(0)] ulong Process,
    [property: Id(1)] long Sequence,
    [property: Id(2)] TurnCounts Counts);

[RegisterConverter]
internal sealed class TenantReportConverter : IConverter<TenantReport, TenantReportSurrogate>
{
    public TenantReport ConvertFromSurrogate(in TenantReportSurrogate surrogate) =>
        new(surrogate.Process, surrogate.Sequence, surrogate.Counts);

    public TenantReportSurrogate ConvertToSurrogate(in TenantReport value) =>
        new(value.Process, value.Sequence, value.Counts);
}

/// <summary>A <see cref="TurnCounts"/> between processes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.TenantTotals")]
internal readonly record struct TurnCountsSurrogate(
    [property: Id(0)] long Completed,
    [property: Id(1)] long Incomplete,
    [property: Id(2)] long Cancelled,
    [property: Id(3)] long Failed,
    [property: Id(4)] long Interrupted,
    [property: Id(5)] long InputTokens,
    [property: Id(6)] long CachedTokens,
    [property: Id(7)] long OutputTokens);

[RegisterConverter]
internal sealed class TurnCountsConverter : IConverter<TurnCounts, TurnCountsSurrogate>
{
    public TurnCounts ConvertFromSurrogate(in TurnCountsSurrogate surrogate) => new(
        surrogate.Completed, surrogate.Incomplete, surrogate.Cancelled, surrogate.Failed, surrogate.Interrupted,
        surrogate.InputTokens, surrogate.CachedTokens, surrogate.OutputTokens);

    public TurnCountsSurrogate ConvertToSurrogate(in TurnCounts value) => new(
        value.Completed, value.Incomplete, value.Cancelled, value.Failed, value.Interrupted,
        value.InputTokens, value.CachedTokens, value.OutputTokens);
}

/// <summary>A <see cref="TurnTiming"/> between processes: its numbers and words in a fixed order; new ones go
/// last.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.TurnTiming")]
internal readonly record struct TurnTimingSurrogate(
    [property: Id(0)] long[] Numbers, [property: Id(1)] string?[] Words, [property: Id(2)] ToolWait[] Tools);

[RegisterConverter]
internal sealed class TurnTimingConverter : IConverter<TurnTiming, TurnTimingSurrogate>
{
    public TurnTiming ConvertFromSurrogate(in TurnTimingSurrogate surrogate)
    {
        var numbers = surrogate.Numbers;
        var words = surrogate.Words;
        return new TurnTiming
        {
            Transport = new TimeSpan(numbers[0]),
            Queue = new TimeSpan(numbers[1]),
            Check = new TimeSpan(numbers[2]),
            Context = new TimeSpan(numbers[3]),
            ModelWait = new TimeSpan(numbers[4]),
            ModelStream = new TimeSpan(numbers[5]),
            Persist = new TimeSpan(numbers[6]),
            Deliver = new TimeSpan(numbers[7]),
            HiddenModelStream = new TimeSpan(numbers[8]),
            HiddenPersist = new TimeSpan(numbers[9]),
            HiddenDeliver = new TimeSpan(numbers[10]),
            ItemsHeld = (int)numbers[11],
            ItemsNew = (int)numbers[12],
            ItemsRendered = (int)numbers[13],
            Source = (ContextSource)numbers[14],
            BytesIn = numbers[15],
            BytesOut = numbers[16],
            InputTokens = numbers[17],
            CachedTokens = numbers[18],
            OutputTokens = numbers[19],
            ReasoningTokens = numbers[20],
            Model = words[0]!,
            Outcome = words[1]!,
            Code = words[2],
            Tools = surrogate.Tools,
        };
    }

    public TurnTimingSurrogate ConvertToSurrogate(in TurnTiming value) => new(
        [
            value.Transport.Ticks, value.Queue.Ticks, value.Check.Ticks, value.Context.Ticks, value.ModelWait.Ticks,
            value.ModelStream.Ticks, value.Persist.Ticks, value.Deliver.Ticks, value.HiddenModelStream.Ticks,
            value.HiddenPersist.Ticks, value.HiddenDeliver.Ticks, value.ItemsHeld, value.ItemsNew,
            value.ItemsRendered, (long)value.Source, value.BytesIn, value.BytesOut, value.InputTokens,
            value.CachedTokens, value.OutputTokens, value.ReasoningTokens,
        ],
        [value.Model, value.Outcome, value.Code],
        value.Tools);
}
