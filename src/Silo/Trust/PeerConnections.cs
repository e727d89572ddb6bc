using System.Buffers;
using System.IO.Pipelines;
using Evergrain.Silo.Cluster;
using Microsoft.AspNetCore.Connections;

namespace Evergrain.Silo.Trust;

/// <summary>
/// Stands before Orleans on each connection between the cluster's processes: with TLS it lets only peers through whose
/// certificate holds. A peer that is refused hears nothing of Orleans, which tries again for ever, so it is reported.
/// </summary>
/// <param name="member">Whether there is TLS, and the name in certificates.</param>
/// <param name="reports">Hears of what failed.</param>
/// <param name="time">The clock of the wait for a first byte.</param>
/// <param name="trust">The identity; null: there is no TLS.</param>
internal sealed class PeerConnections(MemberOptions member, PeerReports reports, TimeProvider time,
    ClusterTrust? trust = null)
{
    // The head of a TLS record that begins a handshake (RFC 8446, section 5.1). A connection of Orleans without TLS
    // begins with the length of a message of at most 1,024 bytes, its lowest byte first.
    private const byte TlsRecord = 22, TlsMajor = 3, TlsMinorMax = 4;
    private const int HeadBytes = 3;

    // A peer speaks at once. What only looks whether the port is open says nothing, and is no peer.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    // A whole cluster that connects at once. A connection takes a few kilobytes until it is known.
    private const int ArrivingMax = 512;

    private int _arriving;

    /// <summary>Stands before a connection that a peer has opened.</summary>
    public ConnectionDelegate Accept(ConnectionDelegate next) => async connection =>
    {
        var isKnown = false;
        try
        {
            if (Interlocked.Increment(ref _arriving) > ArrivingMax)
            {
                reports.Refused(connection, $"{ArrivingMax} others have connected and not said yet who they are");
                return;
            }

            await LetInAsync(connection, known =>
            {
                isKnown = true;
                Interlocked.Decrement(ref _arriving);
                return next(known);
            });
        }
        finally
        {
            if (!isKnown)
            {
                // Orleans closes only what it was given: any other connection would stay open for ever.
                Interlocked.Decrement(ref _arriving);
                await connection.DisposeAsync();
            }
        }
    };

    /// <summary>Stands before a connection to a silo.</summary>
    public ConnectionDelegate Connect(ConnectionDelegate next) => async connection =>
    {
        var handshake = trust is null ? null : new PeerHandshake(trust.Identity, member.Id);
        await FollowAsync(handshake?.ConnectAsync(connection, next) ?? next(connection), handshake,
            reason => reports.Failed(connection, reason));
    };

    private async Task LetInAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        switch (await ReadHeadAsync(connection.Transport.Input))
        {
            case true when trust is null:
                reports.Refused(connection, $"it has TLS, and this process has not; {PeerHandshake.TlsDiffers}");
                break;
            case false when trust is not null:
                reports.Refused(connection, $"it has no TLS; {PeerHandshake.TlsDiffers}");
                break;
            case true:
                var handshake = new PeerHandshake(trust.Identity, member.Id);
                await FollowAsync(handshake.AcceptAsync(connection, next), handshake,
                    reason => reports.Refused(connection, reason));
                break;
            case false:
                await next(connection);
                break;
            default:
                break;
        }
    }

    /// <summary>Waits for the end of a connection, and reports one that ended before Orleans had begun.</summary>
    /// <remarks>
    /// Orleans lets a failure out until both sides have introduced themselves, and none later. With TLS 1.3 a refused
    /// certificate looks like this: the side that showed it is done with the handshake before the other one judges.
    /// </remarks>
    private static async Task FollowAsync(Task connection, PeerHandshake? handshake, Action<string> report)
    {
        try
        {
            await connection;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            report(handshake is null
                ? $"it closed the connection unheard; perhaps it has TLS: {PeerHandshake.TlsDiffers}"
                : "it closed the connection after the handshake; its log says whether it refuses this process's " +
                    $"certificate ({e.Message})");
            throw;
        }

        if (handshake is { IsDone: false })
        {
            report(handshake.Reason);
        }
    }

    /// <summary>Whether the peer begins with TLS; null: it said nothing. Nothing of it is consumed.</summary>
    private async Task<bool?> ReadHeadAsync(PipeReader input)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        try
        {
            var read = await input.ReadAtLeastAsync(HeadBytes, patience.Token);
            bool? begins = read.Buffer.Length < HeadBytes ? null : BeginsTls(read.Buffer.Slice(0, HeadBytes));
            input.AdvanceTo(read.Buffer.Start);
            return begins;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            return null;
        }
    }

    private static bool BeginsTls(ReadOnlySequence<byte> head)
    {
        Span<byte> bytes = stackalloc byte[HeadBytes];
        head.CopyTo(bytes);
        return bytes is [TlsRecord, TlsMajor, >= 1 and <= TlsMinorMax];
    }
}
