using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// A look at a turn's new items before anything of the turn is recorded and before the model is called. Items that
/// the conversation holds already are never shown again.
/// </summary>
public interface IInputCheck
{
    /// <summary>Allows the input (null) or refuses it with a reason that the client is told.</summary>
    /// <remarks>An implementation bounds its own time, and decides what a check that cannot be made means.</remarks>
    ValueTask<Refusal?> CheckAsync(NewInput input, CancellationToken cancellationToken);
}

/// <summary>What a turn adds to its conversation.</summary>
/// <param name="Tenant">Whose turn it is.</param>
/// <param name="Model">The model's name as the client wrote it.</param>
/// <param name="Instructions">The JSON string of <c>instructions</c>; empty if the create had none.</param>
/// <param name="Items">Each new item's exact JSON; slices of the create, valid as long as it is.</param>
public sealed record NewInput(string Tenant, string Model, ReadOnlyMemory<byte> Instructions,
    IReadOnlyList<ReadOnlyMemory<byte>> Items)
{
    /// <summary>The trace that the turn belongs to.</summary>
    public TraceContext Trace { get; init; }

    /// <summary>Reads it from a create.</summary>
    /// <exception cref="ConversationException">The create is malformed or too large.</exception>
    public static NewInput Read(string tenant, ReadOnlyMemory<byte> create) =>
        Of(tenant, CreateRequest.Parse(create));

    /// <summary>The same of a create that its conversation reads too.</summary>
    internal static NewInput Of(StartTurn start) =>
        Of(start.Key.Tenant, start.Read()) with { Trace = start.Trace };

    private static NewInput Of(string tenant, CreateRequest create)
    {
        // A check may take long for a text that no turn could hold.
        InputItems.CheckSizes(create);
        return new NewInput(tenant, create.Model,
            create.Parameters.Find(static parameter => parameter.Field.Name == "instructions").Json, create.Input);
    }
}
