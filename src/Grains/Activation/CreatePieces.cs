using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Calls;

namespace Evergrain.Grains.Activation;

/// <summary>
/// Puts creates together that come in pieces, since a large message would hold up all others on its connection. What
/// is lost with an activation is sent again. The tenant's bound on memory counts the pieces.
/// </summary>
/// <param name="holding">What the tenant holds in this process; null: nobody counts.</param>
/// <param name="time">The clock.</param>
internal sealed class CreatePieces(TenantHolding? holding, TimeProvider time)
{
    // A sender that is gone leaves its pieces: they go when so many others come, or after this time.
    private const int CreatesMax = 16;
    private static readonly TimeSpan AgeMax = TimeSpan.FromMinutes(1);

    private readonly List<Arriving> _arriving = [];

    /// <summary>Takes a piece.</summary>
    /// <param name="request">The piece; the whole request, where it was the last.</param>
    /// <returns>What its sender is told; null: the request is whole.</returns>
    public Answer<StartedTurn>? Add(ref StartRequest request)
    {
        var (id, offset) = (request.RequestId, request.PieceOffset);
        var known = _arriving.Find(create => create.Id == id);
        if (offset == 0)
        {
            Drop(known);
            try
            {
                known = Begin(request);
            }
            catch (ConversationException e)
            {
                return Answer.Refused<StartedTurn>(e.Refusal);
            }
        }

        if (known is null || known.Length != offset || known.Bytes.Length - offset < request.Create.Length)
        {
            // A piece before it was lost, or came to another activation.
            return Answer.AskAgain<StartedTurn>();
        }

        request.Create.CopyTo(known.Bytes.AsMemory(offset));
        (known.Length, known.At) = (offset + request.Create.Length, time.GetTimestamp());
        if (known.Length < known.Bytes.Length)
        {
            return Answer.Given(default(StartedTurn));
        }

        Drop(known);
        request = request.With(known.Bytes);
        return null;
    }

    /// <summary>The activation ends.</summary>
    public void Clear() => _arriving.ToList().ForEach(Drop);

    private Arriving Begin(StartRequest request)
    {
        foreach (var old in _arriving.FindAll(create => time.GetElapsedTime(create.At) > AgeMax))
        {
            Drop(old);
        }

        if (_arriving.Count >= CreatesMax)
        {
            Drop(_arriving.MinBy(static create => create.At));
        }

        holding?.Enter(request.PieceTotal);
        holding?.Change(request.PieceTotal);
        var begun = new Arriving(request.RequestId, new byte[request.PieceTotal]) { At = time.GetTimestamp() };
        _arriving.Add(begun);
        return begun;
    }

    private void Drop(Arriving? create)
    {
        if (create is not null && _arriving.Remove(create))
        {
            holding?.Change(-create.Bytes.Length);
        }
    }

    /// <summary>One create on its way.</summary>
    private sealed class Arriving(UInt128 id, byte[] bytes)
    {
        public UInt128 Id { get; } = id;

        public byte[] Bytes { get; } = bytes;

        public int Length { get; set; }

        public long At { get; set; }
    }
}
