using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Marks the connections of <see cref="EvergrainOptions.OperationsPort"/>. The mark comes from the listener, so no
/// header and no path can set it.
/// </summary>
internal sealed class OperationsListener
{
    private static readonly OperationsListener Mark = new();

    private OperationsListener()
    {
    }

    /// <summary>Marks every connection of a listener.</summary>
    public static void Use(ListenOptions listen) => listen.Use(next => connection =>
    {
        connection.Features.Set(Mark);
        return next(connection);
    });

    /// <summary>Whether a request came to that port.</summary>
    public static bool IsOn(HttpContext context) => context.Features.Get<OperationsListener>() is not null;
}
