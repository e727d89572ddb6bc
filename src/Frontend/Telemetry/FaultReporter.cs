using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Telemetry;

/// <summary>Turns a fault of ours into what a client may read: an id, under which the log holds the rest.</summary>
internal sealed partial class FaultReporter(IIdSource ids, ILogger<FaultReporter> logger)
{
    public Refusal Mask(Exception fault)
    {
        var id = "err_" + Base62.Format(ids.Next128());
        LogFault(fault, id);
        return new Refusal(RefusalKind.Internal, $"The server made a mistake; its log names it {id}.");
    }

    /// <summary>A lease could not be renewed or released; it ends by itself.</summary>
    public void LeaseFailed(Exception fault, ConversationId conversation) => LogLease(fault, conversation);

    [LoggerMessage(EventId = 1001, Level = LogLevel.Error, Message = "Fault {Id}")]
    private partial void LogFault(Exception fault, string id);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Warning,
        Message = "The lease on {Conversation} could not be renewed or released")]
    private partial void LogLease(Exception fault, ConversationId conversation);
}
