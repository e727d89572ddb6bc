using Evergrain.Conversations.Ports;

namespace Evergrain.Grains.Calls;

/// <summary>A <see cref="HeldConversation"/> between processes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.HeldConversation")]
internal readonly record struct HeldConversationSurrogate(
    [property: Id(0)] string Tenant,
    [property: Id(1)] UInt128 Conversation,
    [property: Id(2)] bool IsStored,
    [property: Id(3)] bool IsHeld,
    [property: Id(4)] long CreatedAt,
    [property: Id(5)] long ActiveAt,
    [property: Id(6)] int Turns,
    [property: Id(7)] int Unstored,
    [property: Id(8)] int Running,
    [property: Id(9)] int Items,
    [property: Id(10)] string? Digest);

[RegisterConverter]
internal sealed class HeldConversationConverter : IConverter<HeldConversation, HeldConversationSurrogate>
{
    public HeldConversation ConvertFromSurrogate(in HeldConversationSurrogate surrogate) => new(
        surrogate.Tenant, surrogate.Conversation, surrogate.IsStored, surrogate.IsHeld, surrogate.CreatedAt,
        surrogate.ActiveAt, surrogate.Turns, surrogate.Unstored, surrogate.Running, surrogate.Items, surrogate.Digest);

    public HeldConversationSurrogate ConvertToSurrogate(in HeldConversation value) => new(
        value.Tenant, value.Id, value.IsStored, value.IsHeld, value.CreatedAt,
        value.ActiveAt, value.Turns, value.Unstored, value.Running, value.Items, value.Digest);
}

/// <summary>A <see cref="RosterQuery"/> between processes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.RosterQuery")]
internal readonly record struct RosterQuerySurrogate(
    [property: Id(0)] string? Tenant,
    [property: Id(1)] int Limit,
    [property: Id(2)] long CreatedAt,
    [property: Id(3)] UInt128 Before,
    [property: Id(4)] UInt128[]? Known,
    [property: Id(5)] OriginKind Kind,
    [property: Id(6)] string? Text);

[RegisterConverter]
internal sealed class RosterQueryConverter : IConverter<RosterQuery, RosterQuerySurrogate>
{
    public RosterQuery ConvertFromSurrogate(in RosterQuerySurrogate surrogate) => new(surrogate.Tenant,
        surrogate.Limit, surrogate.CreatedAt, surrogate.Before, surrogate.Known, surrogate.Kind, surrogate.Text);

    public RosterQuerySurrogate ConvertToSurrogate(in RosterQuery value) => new(value.Tenant,
        value.Limit, value.CreatedAt, value.Before, value.Known, value.Kind, value.Text);
}

/// <summary>A <see cref="RosterAnswer"/> between processes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.RosterAnswer")]
internal readonly record struct RosterAnswerSurrogate(
    [property: Id(0)] HeldConversation[] Found, [property: Id(1)] bool IsComplete);

[RegisterConverter]
internal sealed class RosterAnswerConverter : IConverter<RosterAnswer, RosterAnswerSurrogate>
{
    public RosterAnswer ConvertFromSurrogate(in RosterAnswerSurrogate surrogate) =>
        new(surrogate.Found, surrogate.IsComplete);

    public RosterAnswerSurrogate ConvertToSurrogate(in RosterAnswer value) => new(value.Found, value.IsComplete);
}
